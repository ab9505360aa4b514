import { useEffect, useRef, useState } from 'react'
import type { Answer } from '../conversation.ts'
import { useText } from '../i18n.ts'

/** Tells screen readers when an answer begins, and reads it once when it is complete: word by word would drown all else. */
export function Announcer({ answer }: { answer: Answer | undefined }) {
  const text = useText()
  const [said, setSaid] = useState('')
  const writing = useRef(false)
  const state = answer?.state

  // Only a change of state is worth saying.
  useEffect(() => {
    if (state === 'streaming') {
      writing.current = true
      setSaid(text.answering)
    } else if (answer && writing.current) {
      writing.current = false
      setSaid(answer.failure ? text.failures[answer.failure.kind] : text.answered(answer.content))
    }
  }, [state, answer?.id])

  return (
    <div className="visually-hidden" role="status" aria-live="polite">
      {said}
    </div>
  )
}
