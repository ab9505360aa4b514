import { memo } from 'react'
import ReactMarkdown, { type Components } from 'react-markdown'
import remarkCjkFriendly from 'remark-cjk-friendly/parseOnly'
import remarkGfm from 'remark-gfm'
import { CodeBlock } from './CodeBlock.tsx'
import './Markdown.css'

// Korean writes "1~2시": one tilde is no deletion. And **강조**은 must be bold though a particle follows.
const plugins = [[remarkGfm, { singleTilde: false }], remarkCjkFriendly] as const

const components: Components = {
  pre: ({ node }) => <CodeBlock node={node} />,
  a: ({ href, children }) => (
    <a href={href} target="_blank" rel="noopener noreferrer">
      {children}
    </a>
  ),
  // A picture would be fetched from wherever the model says, and tell that place about the reader: it stays a link.
  img: ({ src, alt }) => (
    <a href={typeof src === 'string' ? src : undefined} target="_blank" rel="noopener noreferrer">
      {alt || 'image'}
    </a>
  ),
  table: ({ children }) => (
    <div className="markdown-table">
      <table>{children}</table>
    </div>
  ),
}

/** The model's Markdown, drawn safely: HTML in it is shown as text, dangerous addresses are dropped, nothing is loaded. */
export const Markdown = memo(function Markdown({ text }: { text: string }) {
  return (
    <div className="markdown">
      <ReactMarkdown remarkPlugins={[...plugins] as never} components={components}>
        {text}
      </ReactMarkdown>
    </div>
  )
})
