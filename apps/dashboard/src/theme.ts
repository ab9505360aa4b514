import { useEffect, useState } from 'react'
import { usePreferences } from './preferences.ts'

/** Runs, and sources of one run, by their place in the list; more than there are colours begin again. */
export const lineColours = Array.from({ length: 12 }, (_, i) => `var(--line-${i + 1})`)

const dark = matchMedia('(prefers-color-scheme: dark)')

/** Changes whenever colours do, so that canvases can be drawn anew. */
export function useThemeKey(): string {
  const { theme } = usePreferences()
  const [systemDark, setSystemDark] = useState(dark.matches)
  useEffect(() => {
    const listen = () => setSystemDark(dark.matches)
    dark.addEventListener('change', listen)
    return () => dark.removeEventListener('change', listen)
  }, [])
  return `${theme} ${systemDark}`
}

/** A CSS colour, such as `var(--accent)`, as a canvas understands it in the present theme. */
export function resolveColour(colour: string): string {
  const probe = document.createElement('span')
  probe.style.color = colour
  document.body.append(probe)
  const resolved = getComputedStyle(probe).color
  probe.remove()
  return resolved
}

/** A resolved colour with another opacity. */
export const faded = (colour: string, opacity: number): string =>
  colour.startsWith('rgb(') ? colour.replace('rgb(', 'rgba(').replace(')', `, ${opacity})`) : colour
