import { useEffect, useState } from 'react'
import { copyText } from '../clipboard.ts'
import { useText } from '../i18n.ts'
import { Icon } from './Icon.tsx'

/** Milliseconds that the tick stays. */
const shownFor = 1600

export function CopyButton({ text, label }: { text: string; label: string }) {
  const words = useText()
  const [copied, setCopied] = useState(false)
  useEffect(() => {
    if (!copied) return
    const timer = setTimeout(() => setCopied(false), shownFor)
    return () => clearTimeout(timer)
  }, [copied])
  const name = copied ? words.copied : label
  return (
    <button
      type="button"
      className="icon-button"
      aria-label={name}
      title={name}
      onClick={async () => setCopied(await copyText(text))}
    >
      <Icon name={copied ? 'check' : 'copy'} size={16} />
    </button>
  )
}
