import { useLayoutEffect, useRef } from 'react'
import type { Message } from '../conversation.ts'
import { useText } from '../i18n.ts'
import { useStickToBottom } from '../stickToBottom.ts'
import { AnswerView } from './AnswerView.tsx'
import { Icon } from './Icon.tsx'
import { QuestionView } from './QuestionView.tsx'
import './Thread.css'

interface Props {
  messages: readonly Message[]
  answering: boolean
  onRetry: () => void
  onEdit: (questionId: string, content: string) => void
}

/** One conversation from top to bottom. */
export function Thread({ messages, answering, onRetry, onEdit }: Props) {
  const text = useText()
  const box = useRef<HTMLDivElement>(null)
  const content = useRef<HTMLDivElement>(null)
  const { atBottom, toBottom } = useStickToBottom(box, content)
  const lastId = messages.at(-1)?.id

  // Who has just asked wants to see the answer, wherever they were reading.
  useLayoutEffect(toBottom, [lastId, toBottom])

  return (
    <div className="thread">
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it. */}
      <div className="thread-scroll" ref={box} tabIndex={0} role="log" aria-live="off" aria-label={text.conversation}>
        <div className="thread-content" ref={content}>
          {messages.map(message =>
            message.role === 'user' ? (
              <QuestionView key={message.id} question={message} onEdit={onEdit} />
            ) : (
              <AnswerView
                key={message.id}
                answer={message}
                last={message.id === lastId && !answering}
                onRetry={onRetry}
              />
            ),
          )}
        </div>
      </div>
      {!atBottom && (
        <button
          type="button"
          className="thread-down"
          aria-label={text.toBottom}
          title={text.toBottom}
          onClick={toBottom}
        >
          <Icon name="down" />
        </button>
      )}
    </div>
  )
}
