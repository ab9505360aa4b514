import { forgetApiKey, useApiKey } from '../apiKey.ts'
import { useText } from '../i18n.ts'
import { setPreferences, usePreferences } from '../preferences.ts'
import { Icon } from './Icon.tsx'
import { LookChoices } from './LookChoices.tsx'
import './Settings.css'

export function Settings() {
  const text = useText()
  const { key, kept } = useApiKey()
  return (
    <div className="settings">
      {key !== '' && (
        <button type="button" className="settings-key" onClick={forgetApiKey}>
          <Icon name="trash" size={16} />
          {kept ? text.keyForgetKept : text.keyForget}
        </button>
      )}
      <LookChoices look={usePreferences()} text={text} onChange={setPreferences} />
    </div>
  )
}
