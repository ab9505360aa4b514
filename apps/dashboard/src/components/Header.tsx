import { Choice } from '@modu/web/Choice'
import { LookChoices } from '@modu/web/LookChoices'
import { Mark } from '@modu/web/Mark'
import { setPreferences, usePreferences } from '../preferences.ts'
import { useText } from '../text.ts'
import './Header.css'

/** The page's name, and how the reader wants it; `busy` while a run trains. */
export function Header({ busy }: { busy: boolean }) {
  const text = useText()
  const preferences = usePreferences()
  const { axis, smoothing } = preferences
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
        <LookChoices look={preferences} text={text} onChange={setPreferences} />
      </div>
    </header>
  )
}
