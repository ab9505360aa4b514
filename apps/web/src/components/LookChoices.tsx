import type { Look } from '../storedPreferences.ts'
import { Choice } from './Choice.tsx'
import { Icon } from './Icon.tsx'

interface Props {
  readonly look: Look
  /** Words in the reader's language. */
  readonly text: Readonly<Record<'language' | 'theme' | 'themeSystem' | 'themeLight' | 'themeDark', string>>
  readonly onChange: (change: Partial<Look>) => void
}

/** How a reader wants a page: its language, light or dark. */
export function LookChoices({ look, text, onChange }: Props) {
  return (
    <>
      <Choice
        label={text.language}
        value={look.language}
        options={[
          { value: 'ko', name: '한국어', lang: 'ko' },
          { value: 'en', name: 'English', lang: 'en' },
        ]}
        onChoose={language => onChange({ language })}
      />
      <Choice
        label={text.theme}
        value={look.theme}
        options={[
          { value: 'system', name: text.themeSystem, shown: <Icon name="display" size={16} /> },
          { value: 'light', name: text.themeLight, shown: <Icon name="sun" size={16} /> },
          { value: 'dark', name: text.themeDark, shown: <Icon name="moon" size={16} /> },
        ]}
        onChoose={theme => onChange({ theme })}
      />
    </>
  )
}
