import { useCallback, useEffect, useRef, useState } from 'react'
import type { Answer } from '../conversation.ts'
import { useText } from '../i18n.ts'
import { useShortcuts } from '../keyboard.ts'
import { setPreferences, usePreferences } from '../preferences.ts'
import { goTo, leaveMissing, useRoute } from '../route.ts'
import { useServer } from '../server.ts'
import { type Store, useChat } from '../store.ts'
import { Announcer } from './Announcer.tsx'
import './App.css'
import { Composer } from './Composer.tsx'
import { EmptyState } from './EmptyState.tsx'
import { KeyForm } from './KeyForm.tsx'
import { Notice } from './Notice.tsx'
import { Sidebar } from './Sidebar.tsx'
import { Thread } from './Thread.tsx'
import { Toast } from './Toast.tsx'
import { TopBar } from './TopBar.tsx'

export function App({ store }: { store: Store }) {
  const text = useText()
  const chat = useChat(store)
  const preferences = usePreferences()
  const { models, state, check } = useServer()
  const id = useRoute()
  const [drawer, setDrawer] = useDrawer()
  const field = useRef<HTMLTextAreaElement>(null)

  const conversation = chat.conversations.find(one => one.id === id)
  const answering = id !== null && chat.answering.has(id)
  const model = models.includes(preferences.model) ? preferences.model : (models[0] ?? preferences.model)
  const last = conversation?.messages.at(-1)
  const lastAnswer = last?.role === 'assistant' ? last : undefined

  // On a touch screen the focus would raise the keyboard.
  const focusField = useCallback(() => {
    if (!matchMedia('(pointer: coarse)').matches) field.current?.focus()
  }, [])
  useEffect(focusField, [focusField])
  const open = useCallback(
    (next: string | null) => {
      goTo(next)
      setDrawer(false)
      focusField()
    },
    [focusField, setDrawer],
  )
  const newChat = useCallback(() => open(null), [open])
  const onEscape = useCallback(() => {
    if (drawer) setDrawer(false)
    else if (id !== null) store.stop(id)
  }, [drawer, setDrawer, id, store])
  useShortcuts({ onEscape, onNewChat: newChat })

  // An address of a conversation that is not (or no longer) here shows a new one.
  useEffect(() => {
    if (chat.loaded && id !== null && !conversation) leaveMissing()
  }, [chat.loaded, id, conversation])
  useEffect(() => {
    document.title = conversation ? `${conversation.title} · ${text.appName}` : text.appName
  }, [conversation, text])
  useServerCheckOn(lastAnswer, check)

  const { thinking } = preferences
  const retry = useCallback(() => id !== null && store.retry(id, { model, thinking }), [store, id, model, thinking])
  const edit = useCallback(
    (question: string, content: string) => id !== null && store.edit(id, question, content, { model, thinking }),
    [store, id, model, thinking],
  )
  const ask = (question: string, think = thinking) => {
    // A suggestion that wants thinking turns the switch, so that asking again means the same.
    if (think !== thinking) setPreferences({ thinking: think })
    open(store.ask(id, question, { model, thinking: think }))
  }

  return (
    <div className={preferences.sidebar ? 'app' : 'app app-wide'}>
      <button type="button" className="skip" onClick={() => field.current?.focus()}>
        {text.skipToComposer}
      </button>
      <Sidebar
        conversations={chat.conversations}
        current={id}
        answering={chat.answering}
        drawer={drawer}
        onClose={() => setDrawer(false)}
        onOpen={open}
        onRename={store.rename}
        onRemove={store.remove}
      />
      <main className="app-main" inert={drawer}>
        <TopBar models={models} model={model} onDrawer={() => setDrawer(true)} onNew={newChat} />
        {state === 'gone' && <Notice>{text.serverGone}</Notice>}
        {state === 'locked' && <KeyForm onDone={focusField} />}
        {chat.storageFailed && <Notice>{text.storageFailed}</Notice>}
        {conversation ? (
          <Thread
            key={conversation.id}
            messages={conversation.messages}
            answering={answering}
            onRetry={retry}
            onEdit={edit}
          />
        ) : (
          chat.loaded && <EmptyState onAsk={(question, think) => ask(question, think || thinking)} />
        )}
        <Composer field={field} answering={answering} onSend={ask} onStop={() => id !== null && store.stop(id)} />
      </main>
      {chat.removed && <Toast onUndo={store.restore} onGone={store.forgetRemoved} />}
      <Announcer key={id} answer={lastAnswer} />
    </div>
  )
}

/** Whether the drawer with the conversations is open; a screen that becomes wide has none. */
function useDrawer() {
  const state = useState(false)
  const [, setDrawer] = state
  useEffect(() => {
    const wide = matchMedia('(min-width: 761px)')
    const close = () => setDrawer(false)
    wide.addEventListener('change', close)
    return () => wide.removeEventListener('change', close)
  }, [setDrawer])
  return state
}

/** A failed answer may be the first sign that the server is gone, or takes the key no longer; what stands above then says so. */
function useServerCheckOn(answer: Answer | undefined, check: () => void): void {
  const { id, failure } = answer ?? {}
  const failed = failure?.kind === 'offline' || failure?.kind === 'key' ? id : null
  useEffect(() => {
    if (failed) check()
  }, [failed, check])
}
