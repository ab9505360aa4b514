/** Something a person reads, in both languages. */
export interface Text {
  readonly ko: string
  readonly en: string
}

export type Language = keyof Text

export const languages: readonly Language[] = ['ko', 'en']

let current: Language = 'ko'

/** Chooses the language of everything that `localized` returns from now on. */
export function setLanguage(language: Language): void {
  current = language
}

/** The chosen language, for libraries that speak both themselves. */
export const language = (): Language => current

/** The text in the chosen language. */
export const localized = (text: Text): string => text[current]

/** Korean, unless the system's language (LC_ALL, LC_MESSAGES, LANG, in this order) is English. */
export function systemLanguage(environment: NodeJS.ProcessEnv): Language {
  const locale = environment.LC_ALL || environment.LC_MESSAGES || environment.LANG || ''
  return locale.toLowerCase().startsWith('en') ? 'en' : 'ko'
}
