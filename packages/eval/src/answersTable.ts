import { saidText } from './answer.ts'
import type { EvalReport } from './evaluate.ts'
import type { Prompt } from './generation.ts'
import type { Language } from './words.ts'

/** What a prompt says, a system message in brackets before it. */
export const promptText = ({ messages }: Pick<Prompt, 'messages'>): string =>
  messages.map(({ role, content }) => (role === 'user' ? content : `[${content}]`)).join('\n')

/**
 * All answers of a report as Markdown, a table for each set of prompts, with an empty column for a reader's mark: what a
 * model card shows unpicked.
 */
export function answersTable({ model, answers }: EvalReport, language: Language): string {
  const words = {
    ko: { title: `${model}의 고르지 않은 답`, columns: ['물음', '답', '평가'], cut: '(길이 제한에서 끊김)' },
    en: { title: `Answers of ${model}, unpicked`, columns: ['prompt', 'answer', 'mark'], cut: '(cut at the limit)' },
  }[language]
  const tables = [...Map.groupBy(answers, answer => answer.source)].map(([source, all]) => {
    const rows = all.map((answer, i) => {
      const said = answer.ended ? saidText(answer) : `${saidText(answer)} ${words.cut}`
      return `| ${i + 1} | ${cell(promptText(answer))} | ${cell(said)} | |`
    })
    return [
      `## ${source} (${all.length})`,
      '',
      `| | ${words.columns.join(' | ')} |`,
      '| --- | --- | --- | --- |',
      ...rows,
    ].join('\n')
  })
  return `# ${words.title}\n\n${tables.join('\n\n')}\n`
}

/** A text in a cell of a table: on one line, nothing of it Markdown or HTML. */
const cell = (text: string): string =>
  text
    .trim()
    .replace(/[\\`*_[\]|<>~#]/g, '\\$&')
    .replace(/\s*\n\s*/g, '<br>')
