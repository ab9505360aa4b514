import { useLayoutEffect, useRef, useState } from 'react'
import { useText } from '../i18n.ts'
import { isSendKey } from '../keyboard.ts'
import './QuestionEditor.css'

interface Props {
  content: string
  onSend: (content: string) => void
  onCancel: () => void
}

export function QuestionEditor({ content, onSend, onCancel }: Props) {
  const text = useText()
  const [draft, setDraft] = useState(content)
  const area = useRef<HTMLTextAreaElement>(null)
  const send = () => draft.trim() !== '' && onSend(draft.trim())

  useLayoutEffect(() => {
    area.current?.focus()
    area.current?.setSelectionRange(content.length, content.length)
  }, [content])
  useLayoutEffect(() => {
    if (!area.current) return
    area.current.style.height = 'auto'
    area.current.style.height = `${area.current.scrollHeight}px`
  }, [draft])

  return (
    <div className="editor">
      <textarea
        ref={area}
        rows={1}
        aria-label={text.edit}
        value={draft}
        onChange={event => setDraft(event.target.value)}
        onKeyDown={event => {
          if (event.key === 'Escape' && !event.nativeEvent.isComposing) {
            event.preventDefault()
            onCancel()
          } else if (isSendKey(event)) {
            event.preventDefault()
            send()
          }
        }}
      />
      <div className="editor-row">
        <span>{text.editHint}</span>
        <button type="button" className="button" onClick={onCancel}>
          {text.cancel}
        </button>
        <button type="button" className="button button-primary" disabled={draft.trim() === ''} onClick={send}>
          {text.editSend}
        </button>
      </div>
    </div>
  )
}
