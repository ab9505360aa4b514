import { useEffect } from 'react'
import { useText } from '../i18n.ts'
import { Icon } from './Icon.tsx'
import './Toast.css'

/** Milliseconds that the way back stays open after a removal. */
const openFor = 8000

export function Toast({ onUndo, onGone }: { onUndo: () => void; onGone: () => void }) {
  const text = useText()
  useEffect(() => {
    const timer = setTimeout(onGone, openFor)
    return () => clearTimeout(timer)
  }, [onGone])
  return (
    <div className="toast" role="status">
      <span>{text.removed}</span>
      <button type="button" className="toast-undo" onClick={onUndo}>
        {text.undo}
      </button>
      <button type="button" className="icon-button" aria-label={text.dismiss} onClick={onGone}>
        <Icon name="close" size={16} />
      </button>
    </div>
  )
}
