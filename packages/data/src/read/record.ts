/** A record of a data file: its place, `FILE:N` with line, item or row N from 1, and its object, or undefined where it is not one. */
export interface PlacedRecord {
  readonly place: string
  readonly record: Record<string, unknown> | undefined
}

/** Told how many more bytes of a file, as it lies on the disk, have been read. */
export type OnBytes = (bytes: number) => void

/** The JSON object that a text holds, or undefined if it holds something else. */
export function parseObject(text: string): Record<string, unknown> | undefined {
  try {
    const value: unknown = JSON.parse(text)
    return typeof value === 'object' && value !== null && !Array.isArray(value)
      ? (value as Record<string, unknown>)
      : undefined
  } catch {
    return undefined
  }
}
