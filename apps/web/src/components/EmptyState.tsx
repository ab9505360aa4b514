import { useText } from '../i18n.ts'
import './EmptyState.css'
import { Icon } from './Icon.tsx'
import { Mark } from './Mark.tsx'

/** What a new conversation looks like: a greeting and a few questions that a small model can take. */
export function EmptyState({ onAsk }: { onAsk: (question: string, thinking: boolean) => void }) {
  const text = useText()
  return (
    <div className="empty">
      <Mark size={56} />
      <h1>{text.greeting}</h1>
      <p>{text.introduction}</p>
      <ul className="empty-suggestions">
        {text.suggestions.map(({ text: question, gloss, thinking }) => (
          <li key={question}>
            <button type="button" onClick={() => onAsk(question, thinking)}>
              <span className="empty-question">
                <span lang="ko">{question}</span>
                {gloss !== '' && <small>{gloss}</small>}
              </span>
              {thinking && (
                <span className="empty-thinking">
                  <Icon name="spark" size={14} />
                  {text.withThinking}
                </span>
              )}
            </button>
          </li>
        ))}
      </ul>
    </div>
  )
}
