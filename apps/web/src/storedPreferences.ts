import { useSyncExternalStore } from 'react'

/** What every page of Modu lets the reader choose. */
export interface Look {
  readonly language: 'ko' | 'en'
  readonly theme: 'system' | 'light' | 'dark'
}

// public/theme.js reads the same entry before the first paint.
const key = 'modu.preferences'

/** The reader's choices, kept in this browser. Language and theme take effect on the document at once. */
export function storedPreferences<Preferences extends Look>(defaults: Preferences) {
  const listeners = new Set<() => void>()
  let preferences: Preferences = { ...defaults, ...read() }
  apply(preferences)

  const get = (): Preferences => preferences
  const subscribe = (listener: () => void): (() => void) => {
    listeners.add(listener)
    return () => listeners.delete(listener)
  }
  return {
    get,
    set(change: Partial<Preferences>): void {
      preferences = { ...preferences, ...change }
      apply(preferences)
      try {
        localStorage.setItem(key, JSON.stringify(preferences))
      } catch {
        // Without storage the choice holds until the page closes.
      }
      for (const listener of listeners) listener()
    },
    use: (): Preferences => useSyncExternalStore(subscribe, get),
  }
}

function read(): object {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '{}')
  } catch {
    return {}
  }
}

function apply({ language, theme }: Look): void {
  const root = document.documentElement
  root.lang = language
  if (theme === 'system') delete root.dataset.theme
  else root.dataset.theme = theme
}
