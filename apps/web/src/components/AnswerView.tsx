import { memo } from 'react'
import type { Answer } from '../conversation.ts'
import { type Text, useText } from '../i18n.ts'
import './AnswerView.css'
import { CopyButton } from './CopyButton.tsx'
import { FailureNote } from './FailureNote.tsx'
import { Icon } from './Icon.tsx'
import { Mark } from './Mark.tsx'
import { Markdown } from './Markdown.tsx'
import { Reasoning } from './Reasoning.tsx'

interface Props {
  answer: Answer
  /** Whether it can be given anew. */
  last: boolean
  onRetry: () => void
}

export const AnswerView = memo(function AnswerView({ answer, last, onRetry }: Props) {
  const text = useText()
  const streaming = answer.state === 'streaming'
  const note = noteOn(answer, text)
  return (
    <article className="answer" aria-label={answer.model || text.model} aria-busy={streaming}>
      {answer.forgotten !== undefined && !answer.failure && (
        <p className="answer-note">{text.forgotten(answer.forgotten)}</p>
      )}
      {answer.reasoning !== '' && <Reasoning answer={answer} />}
      {answer.content !== '' && <Markdown text={answer.content} />}
      {streaming && answer.content === '' && answer.reasoning === '' && <Mark busy />}
      {note && <p className="answer-note">{note}</p>}
      {answer.failure && <FailureNote failure={answer.failure} last={last} onRetry={onRetry} />}
      {!streaming && (
        <div className="message-actions">
          {answer.content !== '' && <CopyButton text={answer.content} label={text.copy} />}
          {last && !answer.failure && (
            <button type="button" className="icon-button" aria-label={text.retry} title={text.retry} onClick={onRetry}>
              <Icon name="retry" size={16} />
            </button>
          )}
          {answer.stats && (
            <span
              className="answer-stats"
              title={text.statsTitle(answer.stats.tokens, oneDigit(answer.stats.firstSeconds))}
            >
              {text.stats(oneDigit(answer.stats.seconds), speedOf(answer.stats.tokensPerSecond))}
            </span>
          )}
        </div>
      )}
    </article>
  )
})

function noteOn({ state, content }: Answer, text: Text): string | null {
  if (state === 'stopped') return text.stopped
  if (state === 'interrupted') return text.interrupted
  if (state === 'length') return text.lengthReached
  return state === 'done' && content.trim() === '' ? text.emptyAnswer : null
}

function speedOf(tokensPerSecond: number): string | null {
  if (tokensPerSecond === 0) return null
  return tokensPerSecond < 10 ? tokensPerSecond.toFixed(1) : String(Math.round(tokensPerSecond))
}

function oneDigit(seconds: number): string {
  return seconds.toFixed(1)
}
