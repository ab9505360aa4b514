import { useId, useState } from 'react'
import { setApiKey, useApiKey } from '../apiKey.ts'
import { useText } from '../i18n.ts'
import './KeyForm.css'

/** Asks for the key that the server wants. */
export function KeyForm({ onDone }: { onDone: () => void }) {
  const text = useText()
  const { key: refused } = useApiKey()
  const [draft, setDraft] = useState('')
  const [keep, setKeep] = useState(false)
  const id = useId()
  const key = draft.trim()

  return (
    <form
      className="key-form"
      onSubmit={event => {
        event.preventDefault()
        setApiKey(key, keep)
        onDone()
      }}
    >
      <label className="key-form-title" htmlFor={id}>
        {text.keyNeeded}
      </label>
      {refused !== '' && (
        <p className="key-form-refused" role="alert">
          {text.keyRefused}
        </p>
      )}
      <div className="key-form-row">
        <input
          id={id}
          type="password"
          autoComplete="off"
          spellCheck={false}
          aria-label={text.key}
          placeholder={text.key}
          value={draft}
          onChange={event => setDraft(event.target.value)}
        />
        <button type="submit" className="button button-primary" disabled={key === ''}>
          {text.keyUse}
        </button>
      </div>
      <label className="key-form-keep">
        <input type="checkbox" checked={keep} onChange={event => setKeep(event.target.checked)} />
        {text.keyKeep}
      </label>
      <p className="key-form-hint">{text.keyKeepHint}</p>
    </form>
  )
}
