import type { Components } from 'react-markdown'
import { useText } from '../i18n.ts'
import './CodeBlock.css'
import { CopyButton } from './CopyButton.tsx'

type PreNode = Parameters<Extract<NonNullable<Components['pre']>, (...args: never[]) => unknown>>[0]['node']

/** A block of code: its language, a copy button, and the code, which scrolls sideways. */
export function CodeBlock({ node }: { node: PreNode }) {
  const text = useText()
  const code = node?.children[0]
  if (code?.type !== 'element') return null
  const first = code.children[0]
  const source = first?.type === 'text' ? first.value : ''
  const classes = code.properties.className
  const language = Array.isArray(classes) ? String(classes[0]).replace('language-', '') : ''
  return (
    <figure className="code">
      <figcaption>
        <span>{language}</span>
        <CopyButton text={source} label={text.copyCode} />
      </figcaption>
      {/* biome-ignore lint/a11y/noNoninteractiveTabindex: the keyboard scrolls it. */}
      <pre tabIndex={0}>
        <code>{source}</code>
      </pre>
    </figure>
  )
}
