import { type RefObject, useLayoutEffect, useState } from 'react'
import { useText } from '../i18n.ts'
import { isSendKey } from '../keyboard.ts'
import { setPreferences, usePreferences } from '../preferences.ts'
import './Composer.css'
import { Icon } from './Icon.tsx'

interface Props {
  field: RefObject<HTMLTextAreaElement | null>
  answering: boolean
  onSend: (question: string) => void
  onStop: () => void
}

/** Where the reader writes. One may go on writing while an answer streams; sending waits until it has ended. */
export function Composer({ field, answering, onSend, onStop }: Props) {
  const text = useText()
  const { thinking } = usePreferences()
  const [draft, setDraft] = useState('')
  const empty = draft.trim() === ''

  useLayoutEffect(() => {
    const area = field.current
    if (!area) return
    area.style.height = 'auto'
    area.style.height = `${area.scrollHeight}px`
  }, [draft, field])

  const send = () => {
    if (empty || answering) return
    onSend(draft.trim())
    setDraft('')
  }

  return (
    <form
      className="composer"
      onSubmit={event => {
        event.preventDefault()
        send()
      }}
    >
      <div className="composer-box">
        <textarea
          id="composer"
          ref={field}
          rows={1}
          aria-label={text.question}
          placeholder={text.placeholder}
          value={draft}
          onChange={event => setDraft(event.target.value)}
          onKeyDown={event => {
            if (!isSendKey(event)) return
            event.preventDefault()
            send()
          }}
        />
        <div className="composer-row">
          <button
            type="button"
            className="composer-thinking"
            role="switch"
            aria-checked={thinking}
            title={text.thinkingHint}
            onClick={() => setPreferences({ thinking: !thinking })}
          >
            <Icon name="spark" size={16} />
            {text.thinking}
          </button>
          <span className="composer-keys">{text.keys}</span>
          {answering ? (
            <button type="button" className="composer-send" aria-label={text.stop} title={text.stop} onClick={onStop}>
              <Icon name="stop" size={22} />
            </button>
          ) : (
            <button type="submit" className="composer-send" aria-label={text.send} title={text.send} disabled={empty}>
              <Icon name="send" size={20} />
            </button>
          )}
        </div>
      </div>
      <p className="composer-honesty">{text.honesty}</p>
    </form>
  )
}
