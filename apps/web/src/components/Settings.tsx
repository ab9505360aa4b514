import { useText } from '../i18n.ts'
import { setPreferences, usePreferences } from '../preferences.ts'
import { Choice } from './Choice.tsx'
import { Icon } from './Icon.tsx'
import './Settings.css'

export function Settings() {
  const text = useText()
  const { language, theme } = usePreferences()
  return (
    <div className="settings">
      <Choice
        label={text.language}
        value={language}
        options={[
          { value: 'ko', name: '한국어', lang: 'ko' },
          { value: 'en', name: 'English', lang: 'en' },
        ]}
        onChoose={value => setPreferences({ language: value })}
      />
      <Choice
        label={text.theme}
        value={theme}
        options={[
          { value: 'system', name: text.themeSystem, shown: <Icon name="display" size={16} /> },
          { value: 'light', name: text.themeLight, shown: <Icon name="sun" size={16} /> },
          { value: 'dark', name: text.themeDark, shown: <Icon name="moon" size={16} /> },
        ]}
        onChoose={value => setPreferences({ theme: value })}
      />
    </div>
  )
}
