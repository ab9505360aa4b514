import { useText } from '../i18n.ts'
import { setPreferences, usePreferences } from '../preferences.ts'
import { LookChoices } from './LookChoices.tsx'
import './Settings.css'

export function Settings() {
  return (
    <div className="settings">
      <LookChoices look={usePreferences()} text={useText()} onChange={setPreferences} />
    </div>
  )
}
