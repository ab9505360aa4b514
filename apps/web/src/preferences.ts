import { type Look, storedPreferences } from './storedPreferences.ts'

export interface Preferences extends Look {
  readonly thinking: boolean
  readonly sidebar: boolean
  /** The model chosen last; empty: the first one the server offers. */
  readonly model: string
}

const preferences = storedPreferences<Preferences>({
  language: 'ko',
  theme: 'system',
  thinking: false,
  sidebar: true,
  model: '',
})

export const { get: getPreferences, set: setPreferences, use: usePreferences } = preferences
