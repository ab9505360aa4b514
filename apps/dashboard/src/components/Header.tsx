import { Choice } from '@modu/web/Choice'
import { Icon } from '@modu/web/Icon'
import { Mark } from '@modu/web/Mark'
import { setPreferences, usePreferences } from '../preferences.ts'
import { useText } from '../text.ts'
import './Header.css'

/** The page's name, and how the reader wants it; `busy` while a run trains. */
export function Header({ busy }: { busy: boolean }) {
  const text = useText()
  const { language, theme, axis, smoothing } = usePreferences()
  return (
    <header className="header">
      <Mark busy={busy} />
      <h1>{text.title}</h1>
      <div className="header-controls">
        <label className="header-smoothing">
          {text.smoothing}
          <input
            type="range"
            min={0}
            max={0.98}
            step={0.02}
            value={smoothing}
            onChange={event => setPreferences({ smoothing: Number(event.target.value) })}
          />
        </label>
        <Choice
          label={text.axis}
          value={axis}
          options={(['step', 'tokens', 'seconds'] as const).map(value => ({ value, name: text.axes[value] }))}
          onChoose={value => setPreferences({ axis: value })}
        />
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
    </header>
  )
}
