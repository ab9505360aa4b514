import { type Look, storedPreferences } from '@modu/web/preferences'

/** What the plots count along: steps, tokens or hours of training. */
export type Axis = 'step' | 'tokens' | 'seconds'

export interface Preferences extends Look {
  readonly axis: Axis
  /** Weight of the past in the moving average, from 0 (none) to 0.98. */
  readonly smoothing: number
}

export const { set: setPreferences, use: usePreferences } = storedPreferences<Preferences>({
  language: 'ko',
  theme: 'system',
  axis: 'step',
  smoothing: 0.9,
})
