import { useEffect, useRef } from 'react'
import type { Conversation } from '../conversation.ts'
import { type AgeGroup, groupByAge } from '../groupByAge.ts'
import { useText } from '../i18n.ts'
import { setPreferences, usePreferences } from '../preferences.ts'
import { ConversationItem } from './ConversationItem.tsx'
import { Icon } from './Icon.tsx'
import { Mark } from './Mark.tsx'
import { Settings } from './Settings.tsx'
import './Sidebar.css'

interface Props {
  conversations: readonly Conversation[]
  current: string | null
  answering: ReadonlySet<string>
  /** On a phone: whether the list lies over the page. */
  drawer: boolean
  onClose: () => void
  onOpen: (id: string | null) => void
  onRename: (id: string, title: string) => void
  onRemove: (id: string) => void
}

/** All conversations: a column on a wide screen, a drawer on a narrow one. */
export function Sidebar({ conversations, current, answering, drawer, onClose, onOpen, onRename, onRemove }: Props) {
  const text = useText()
  const { sidebar } = usePreferences()
  const aside = useRef<HTMLElement>(null)
  const newChat = useRef<HTMLButtonElement>(null)
  const titles: Record<AgeGroup, string> = {
    today: text.today,
    yesterday: text.yesterday,
    lastWeek: text.lastWeek,
    earlier: text.earlier,
  }

  useEffect(() => {
    if (!drawer) return
    const before = document.activeElement
    newChat.current?.focus()
    // Closed, it gives the focus back.
    return () => {
      const { activeElement } = document
      if (activeElement !== document.body && !aside.current?.contains(activeElement)) return
      if (before instanceof HTMLElement) before.focus()
    }
  }, [drawer])

  return (
    <>
      {/* biome-ignore lint/a11y/noStaticElementInteractions lint/a11y/useKeyWithClickEvents: Esc and the close button do the same. */}
      {drawer && <div className="sidebar-shade" onClick={onClose} />}
      <aside
        ref={aside}
        className={`sidebar${drawer ? ' sidebar-drawn' : ''}${sidebar ? '' : ' sidebar-folded'}`}
        aria-label={text.conversations}
      >
        <div className="sidebar-head">
          <Mark size={26} />
          <strong>{text.appName}</strong>
          <button
            type="button"
            className="icon-button"
            aria-label={text.closeSidebar}
            title={text.closeSidebar}
            onClick={() => (drawer ? onClose() : setPreferences({ sidebar: false }))}
          >
            <Icon name={drawer ? 'close' : 'sidebar'} />
          </button>
        </div>
        <button ref={newChat} type="button" className="sidebar-new" title="Ctrl/⌘+Shift+O" onClick={() => onOpen(null)}>
          <Icon name="plus" />
          {text.newChat}
        </button>
        <nav className="sidebar-list" aria-label={text.conversations}>
          {conversations.length === 0 && <p className="sidebar-none">{text.noConversations}</p>}
          {groupByAge(conversations, Date.now()).map(({ group, members }) => (
            <section key={group}>
              <h2>{titles[group]}</h2>
              <ul>
                {members.map(conversation => (
                  <ConversationItem
                    key={conversation.id}
                    title={conversation.title}
                    current={conversation.id === current}
                    answering={answering.has(conversation.id)}
                    onOpen={() => onOpen(conversation.id)}
                    onRename={title => onRename(conversation.id, title)}
                    onRemove={() => onRemove(conversation.id)}
                  />
                ))}
              </ul>
            </section>
          ))}
        </nav>
        <Settings />
      </aside>
    </>
  )
}
