import { useEffect, useId, useRef, useState } from 'react'
import type { Answer } from '../conversation.ts'
import { useText } from '../i18n.ts'
import { Icon } from './Icon.tsx'
import { Mark } from './Mark.tsx'
import { Markdown } from './Markdown.tsx'
import './Reasoning.css'

/** The model's reasoning: open while it thinks, folded once it answers, unless the reader decides otherwise. */
export function Reasoning({ answer }: { answer: Answer }) {
  const text = useText()
  const panel = useId()
  const body = useRef<HTMLDivElement>(null)
  const [chosen, setChosen] = useState<boolean | null>(null)
  const thinking = answer.state === 'streaming' && answer.content === ''
  const open = chosen ?? thinking

  // Long reasoning scrolls in its own small box; the newest line stays in view while it is written.
  useEffect(() => {
    if (thinking && body.current) body.current.scrollTop = body.current.scrollHeight
  }, [thinking, answer.reasoning])

  const title = thinking
    ? text.reasoningNow
    : answer.reasoningSeconds === undefined
      ? text.reasoning
      : text.reasoningDone(answer.reasoningSeconds.toFixed(1))
  return (
    <section className="reasoning">
      <button
        type="button"
        className="reasoning-title"
        aria-expanded={open}
        aria-controls={panel}
        onClick={() => setChosen(!open)}
      >
        {thinking ? <Mark size={18} busy /> : <Icon name="spark" size={16} />}
        {title}
        <Icon name="chevron" size={14} />
      </button>
      <div id={panel} className="reasoning-body" ref={body} hidden={!open}>
        <Markdown text={answer.reasoning} />
      </div>
    </section>
  )
}
