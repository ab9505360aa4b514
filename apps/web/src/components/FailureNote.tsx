import type { Failure } from '../conversation.ts'
import { useText } from '../i18n.ts'
import './FailureNote.css'
import { Icon } from './Icon.tsx'

interface Props {
  failure: Failure
  last: boolean
  onRetry: () => void
}

/** What went wrong, what to do, and the button that does it (what is too long stays so: its question has a button to edit it). The server's own words stand on hover. */
export function FailureNote({ failure, last, onRetry }: Props) {
  const text = useText()
  return (
    <div className="failure" title={failure.detail}>
      <Icon name="alert" />
      <p>{text.failures[failure.kind]}</p>
      {last && failure.kind !== 'context' && (
        <button type="button" className="button" onClick={onRetry}>
          {text.tryAgain}
        </button>
      )}
    </div>
  )
}
