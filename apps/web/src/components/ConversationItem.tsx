import { useEffect, useRef, useState } from 'react'
import { useText } from '../i18n.ts'
import './ConversationItem.css'
import { Icon } from './Icon.tsx'
import { Mark } from './Mark.tsx'

interface Props {
  title: string
  current: boolean
  answering: boolean
  onOpen: () => void
  onRename: (title: string) => void
  onRemove: () => void
}

export function ConversationItem({ title, current, answering, onOpen, onRename, onRemove }: Props) {
  const text = useText()
  const [renaming, setRenaming] = useState(false)
  const field = useRef<HTMLInputElement>(null)
  useEffect(() => {
    if (renaming) field.current?.select()
  }, [renaming])

  if (renaming) {
    const finish = () => {
      onRename(field.current?.value ?? '')
      setRenaming(false)
    }
    return (
      <li className="conversation">
        <input
          ref={field}
          className="conversation-field"
          aria-label={text.rename}
          defaultValue={title}
          onBlur={finish}
          onKeyDown={event => {
            if (event.nativeEvent.isComposing) return
            if (event.key === 'Enter') finish()
            if (event.key === 'Escape') {
              event.preventDefault()
              setRenaming(false)
            }
          }}
        />
      </li>
    )
  }
  return (
    <li className={current ? 'conversation conversation-current' : 'conversation'}>
      <button type="button" className="conversation-open" aria-current={current ? 'page' : undefined} onClick={onOpen}>
        {answering && <Mark size={16} busy />}
        <span>{title}</span>
      </button>
      <span className="conversation-actions">
        <button
          type="button"
          className="icon-button"
          aria-label={text.renameOf(title)}
          title={text.rename}
          onClick={() => setRenaming(true)}
        >
          <Icon name="pencil" size={15} />
        </button>
        <button
          type="button"
          className="icon-button"
          aria-label={text.removeOf(title)}
          title={text.remove}
          onClick={onRemove}
        >
          <Icon name="trash" size={15} />
        </button>
      </span>
    </li>
  )
}
