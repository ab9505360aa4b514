/** A field in which two JSON values differ; undefined where one of them lacks it. */
export interface Difference {
  /** Such as `pretrain.learningRate`. */
  readonly path: string
  readonly before: unknown
  readonly after: unknown
}

const isObject = (value: unknown): value is object => typeof value === 'object' && value !== null

/** The innermost fields in which two JSON values differ. */
export function differences(before: unknown, after: unknown, path = ''): Difference[] {
  if (!isObject(before) || !isObject(after) || Array.isArray(before) !== Array.isArray(after)) {
    return Object.is(before, after) ? [] : [{ path, before, after }]
  }
  const [old, now] = [before, after] as Record<string, unknown>[]
  const names = Object.keys({ ...old, ...now })
  return names.flatMap(name => differences(old![name], now![name], path === '' ? name : `${path}.${name}`))
}

const shown = (value: unknown): string => {
  const text = value === undefined ? 'none' : JSON.stringify(value)
  return text.length > 60 ? `${text.slice(0, 57)}…` : text
}

const most = 8

/** `pretrain.learningRate: 0.002 → 0.001, …`, the first eight. */
export function describeDifferences(list: readonly Difference[]): string {
  const lines = list.slice(0, most).map(({ path, before, after }) => `${path}: ${shown(before)} → ${shown(after)}`)
  return lines.join(', ') + (list.length > most ? ` (and ${list.length - most} more)` : '')
}
