import type { Axis, Preferences } from './preferences.ts'

type Language = Preferences['language']

/** A measured value with four digits, however large or small. */
export function formatValue(value: number, language: Language): string {
  const size = Math.abs(value)
  if (size !== 0 && size < 0.001) return value.toExponential(2).replace(/\.?0+e/, 'e')
  return value.toLocaleString(language, { maximumSignificantDigits: 4 })
}

/** A count as people say it: 1.2만, 12K. */
export const formatCount = (count: number, language: Language): string =>
  count.toLocaleString(language, { notation: 'compact', maximumFractionDigits: 1 })

/** Seconds as 1:02:03 or 4:05. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

/** A place on the axis. */
export function formatPlace(value: number, axis: Axis, language: Language): string {
  if (axis === 'seconds') return formatDuration(value)
  return axis === 'tokens' ? formatCount(value, language) : Math.round(value).toLocaleString(language)
}

const decades = Array.from({ length: 13 }, (_, i) => 10 ** i)
const counts = decades.flatMap(decade => [decade, 2 * decade, 5 * decade])
const minute = 60
const hour = 60 * minute
const day = 24 * hour
const durations = [
  ...[1, 2, 5, 10, 15, 30],
  ...[1, 2, 5, 10, 15, 30].map(n => n * minute),
  ...[1, 2, 3, 6, 12].map(n => n * hour),
  ...counts.map(n => n * day),
]

/** How far apart the labels of an axis may be. */
export const incrementsOf = (axis: Axis): number[] => (axis === 'seconds' ? durations : counts)
