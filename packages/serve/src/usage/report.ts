import type { Database } from '../store/database.ts'

/** What a key used of a model on a day. */
export interface UsageRow {
  /** UTC, as `2026-11-26`. */
  readonly day: string
  /** The key's id, or `local`. */
  readonly key: string
  /** The key's name; null for clients without a key. */
  readonly name: string | null
  readonly model: string
  readonly requests: number
  readonly prompt_tokens: number
  readonly completion_tokens: number
}

/** The usage by day, key and model, from one day to another, both included; all of it where they are absent. */
export const usageReport = (
  database: Database,
  { from = '0000-00-00', to = '9999-99-99' }: { from?: string; to?: string } = {},
): Promise<UsageRow[]> =>
  database.transaction(query =>
    query<UsageRow>(
      `SELECT usage.day, usage.key, keys.name, usage.model, COUNT(*) AS requests,
         CAST(SUM(usage.prompt_tokens) AS BIGINT) AS prompt_tokens,
         CAST(SUM(usage.completion_tokens) AS BIGINT) AS completion_tokens
       FROM usage LEFT JOIN keys ON keys.id = usage.key
       WHERE usage.day >= $1 AND usage.day <= $2
       GROUP BY usage.day, usage.key, keys.name, usage.model
       ORDER BY usage.day, keys.name, usage.key, usage.model`,
      from,
      to,
    ),
  )

/** As CSV (RFC 4180), with a head line. */
export function usageCsv(rows: readonly UsageRow[]): string {
  const columns = ['day', 'key', 'name', 'model', 'requests', 'prompt_tokens', 'completion_tokens'] as const
  const lines = [columns, ...rows.map(row => columns.map(column => row[column] ?? ''))]
  return lines.map(line => `${line.map(cell).join(',')}\r\n`).join('')
}

/** Quoted where it must be. A name that a spreadsheet would take for a formula is made text. */
function cell(value: string | number): string {
  const text = typeof value === 'string' && /^[=+\-@\t\r]/.test(value) ? `'${value}` : String(value)
  return /[",\r\n]/.test(text) ? `"${text.replaceAll('"', '""')}"` : text
}
