import type { ReactNode } from 'react'
import { Icon } from './Icon.tsx'
import './Notice.css'

/** A line above the conversation that says what is wrong with the whole page. */
export function Notice({ children }: { children: ReactNode }) {
  return (
    <div className="notice" role="alert">
      <Icon name="alert" size={16} />
      <span>{children}</span>
    </div>
  )
}
