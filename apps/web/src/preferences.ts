import { useSyncExternalStore } from 'react'

export interface Preferences {
  readonly language: 'ko' | 'en'
  readonly theme: 'system' | 'light' | 'dark'
  readonly thinking: boolean
  readonly sidebar: boolean
  /** The model chosen last; empty: the first one the server offers. */
  readonly model: string
}

// public/theme.js reads the same entry before the first paint.
const key = 'modu.preferences'
const defaults: Preferences = { language: 'ko', theme: 'system', thinking: false, sidebar: true, model: '' }
const listeners = new Set<() => void>()
let preferences: Preferences = { ...defaults, ...read() }
apply()

function read(): Partial<Preferences> {
  try {
    return JSON.parse(localStorage.getItem(key) ?? '{}')
  } catch {
    return {}
  }
}

function apply(): void {
  const root = document.documentElement
  root.lang = preferences.language
  if (preferences.theme === 'system') delete root.dataset.theme
  else root.dataset.theme = preferences.theme
}

export function setPreferences(change: Partial<Preferences>): void {
  preferences = { ...preferences, ...change }
  apply()
  try {
    localStorage.setItem(key, JSON.stringify(preferences))
  } catch {
    // Without storage the choice holds until the page closes.
  }
  for (const listener of listeners) listener()
}

export function getPreferences(): Preferences {
  return preferences
}

export function usePreferences(): Preferences {
  return useSyncExternalStore(subscribe, getPreferences)
}

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}
