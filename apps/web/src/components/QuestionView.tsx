import { memo, useState } from 'react'
import type { Question } from '../conversation.ts'
import { useText } from '../i18n.ts'
import { CopyButton } from './CopyButton.tsx'
import { Icon } from './Icon.tsx'
import { QuestionEditor } from './QuestionEditor.tsx'
import './QuestionView.css'

interface Props {
  question: Question
  onEdit: (questionId: string, content: string) => void
}

export const QuestionView = memo(function QuestionView({ question, onEdit }: Props) {
  const text = useText()
  const [editing, setEditing] = useState(false)
  if (editing) {
    return (
      <QuestionEditor
        content={question.content}
        onCancel={() => setEditing(false)}
        onSend={content => {
          setEditing(false)
          onEdit(question.id, content)
        }}
      />
    )
  }
  return (
    <article className="question" aria-label={text.you}>
      <div className="question-bubble">{question.content}</div>
      <div className="message-actions">
        <CopyButton text={question.content} label={text.copy} />
        <button
          type="button"
          className="icon-button"
          aria-label={text.edit}
          title={text.edit}
          onClick={() => setEditing(true)}
        >
          <Icon name="pencil" size={16} />
        </button>
      </div>
    </article>
  )
})
