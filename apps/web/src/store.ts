import { useSyncExternalStore } from 'react'
import { writeAnswer } from './answering.ts'
import { type Answer, type Conversation, type Message, newId, promptOf, titleOf } from './conversation.ts'
import { type Database, openDatabase } from './database.ts'

/** While an answer streams, it is drawn and kept at most this often. */
const drawEvery = 40
const saveEvery = 400

export interface ChatState {
  /** False until the kept conversations have been read. */
  readonly loaded: boolean
  /** Newest first. */
  readonly conversations: readonly Conversation[]
  /** Ids of the conversations in which an answer is being written by this page. */
  readonly answering: ReadonlySet<string>
  /** The conversation removed last, as long as it can come back. */
  readonly removed: Conversation | null
  /** True once the browser has refused to keep something. */
  readonly storageFailed: boolean
}

export interface AskOptions {
  readonly model: string
  readonly thinking: boolean
}

/** All conversations: in memory for drawing, in the database for the next visit, told to other tabs as they change. */
export function createStore(database: Database = openDatabase()) {
  let state: ChatState = {
    loaded: false,
    conversations: [],
    answering: new Set(),
    removed: null,
    storageFailed: false,
  }
  const listeners = new Set<() => void>()
  const aborts = new Map<string, AbortController>()
  const unsaved = new Set<string>()
  let drawTimer: ReturnType<typeof setTimeout> | undefined
  let saveTimer: ReturnType<typeof setTimeout> | undefined
  const channel = new BroadcastChannel('modu.conversations')

  const set = (change: Partial<ChatState>, soon = false) => {
    state = { ...state, ...change }
    if (soon) {
      drawTimer ??= setTimeout(draw, drawEvery)
    } else draw()
  }
  const draw = () => {
    clearTimeout(drawTimer)
    drawTimer = undefined
    for (const listener of listeners) listener()
  }
  const find = (id: string) => state.conversations.find(conversation => conversation.id === id)

  /** `moving`: the conversation goes to the top and the change is kept at once; otherwise both can wait a moment. */
  const replace = (conversation: Conversation, moving: boolean) => {
    const others = state.conversations.filter(other => other.id !== conversation.id)
    const conversations = moving
      ? [conversation, ...others]
      : state.conversations.map(other => (other.id === conversation.id ? conversation : other))
    set({ conversations }, !moving)
    unsaved.add(conversation.id)
    if (moving) save()
    else saveTimer ??= setTimeout(save, saveEvery)
  }
  const save = () => {
    clearTimeout(saveTimer)
    saveTimer = undefined
    for (const id of unsaved) {
      const conversation = find(id)
      if (conversation) persist(database.put(conversation), id)
    }
    unsaved.clear()
  }
  const persist = (work: Promise<void>, id: string) => {
    work.then(
      () => channel.postMessage(id),
      () => set({ storageFailed: true }),
    )
  }

  const load = async () => {
    try {
      const all = (await database.all()).map(withoutLooseEnds).sort((a, b) => b.updatedAt - a.updatedAt)
      // What was begun while the database opened stays on top.
      const begun = state.conversations.filter(mine => !all.some(kept => kept.id === mine.id))
      set({ loaded: true, conversations: [...begun, ...all] })
    } catch {
      set({ loaded: true, storageFailed: true })
    }
  }
  channel.onmessage = async ({ data: id }: MessageEvent<string>) => {
    if (aborts.has(id)) return
    const kept = await database.get(id).catch(() => undefined)
    const others = state.conversations.filter(other => other.id !== id)
    set({ conversations: kept ? [kept, ...others].sort((a, b) => b.updatedAt - a.updatedAt) : others })
  }
  // The last words before the page goes away; what IndexedDB has begun it completes.
  addEventListener('pagehide', () => {
    for (const id of aborts.keys()) {
      const conversation = find(id)
      if (conversation) replace(withoutLooseEnds(conversation), false)
    }
    save()
  })

  /** Writes an answer below `messages`, whose last one is the question. */
  const answer = (conversation: Conversation, messages: readonly Message[], { model, thinking }: AskOptions) => {
    stop(conversation.id)
    const empty: Answer = { id: newId(), role: 'assistant', content: '', reasoning: '', model, state: 'streaming' }
    const abort = new AbortController()
    aborts.set(conversation.id, abort)
    set({ answering: new Set(aborts.keys()) })
    replace({ ...conversation, messages: [...messages, empty], updatedAt: Date.now() }, true)
    const report = (written: Answer) => {
      const now = find(conversation.id)
      // Meanwhile the reader may have removed it, or asked in another way.
      if (
        !now?.messages.some(message => message.id === written.id && 'state' in message && message.state === 'streaming')
      )
        return
      if (written.state !== 'streaming' && aborts.get(conversation.id) === abort) {
        aborts.delete(conversation.id)
        set({ answering: new Set(aborts.keys()) })
      }
      const next = now.messages.map(message => (message.id === written.id ? written : message))
      replace({ ...now, messages: next }, false)
      if (written.state !== 'streaming') save()
    }
    void writeAnswer(empty, { model, thinking, messages: promptOf(messages) }, abort.signal, report)
  }
  const stop = (id: string) => {
    aborts.get(id)?.abort()
    aborts.delete(id)
    set({ answering: new Set(aborts.keys()) })
  }

  return {
    getState: () => state,
    subscribe(listener: () => void): () => void {
      listeners.add(listener)
      return () => listeners.delete(listener)
    },
    load,
    stop,

    /** Asks in the conversation `id`, or in a new one where there is none; returns the conversation's id. */
    ask(id: string | null, content: string, options: AskOptions): string {
      const now = Date.now()
      const conversation = (id !== null && find(id)) || {
        id: newId(),
        title: titleOf(content),
        createdAt: now,
        updatedAt: now,
        messages: [],
      }
      answer(conversation, [...conversation.messages, { id: newId(), role: 'user', content }], options)
      return conversation.id
    },

    /** Throws the last answer away and asks for another. */
    retry(id: string, options: AskOptions): void {
      const conversation = find(id)
      const last = conversation?.messages.findLastIndex(message => message.role === 'user') ?? -1
      if (conversation && last >= 0) answer(conversation, conversation.messages.slice(0, last + 1), options)
    },

    /** Asks a question anew in other words; what followed it is cut. */
    edit(id: string, questionId: string, content: string, options: AskOptions): void {
      const conversation = find(id)
      const at = conversation?.messages.findIndex(message => message.id === questionId) ?? -1
      if (!conversation || at < 0) return
      // A title that the first question gave follows it; one that the reader gave stays.
      const follows = at === 0 && conversation.title === titleOf(conversation.messages[0].content)
      const renamed = follows ? { ...conversation, title: titleOf(content) } : conversation
      answer(renamed, [...conversation.messages.slice(0, at), { id: newId(), role: 'user', content }], options)
    },

    rename(id: string, title: string): void {
      const conversation = find(id)
      if (!conversation || title.trim() === '') return
      replace({ ...conversation, title: title.trim() }, false)
      save()
    },

    /** Removes a conversation; `restore` brings the last one back. */
    remove(id: string): void {
      const removed = find(id)
      if (!removed) return
      stop(id)
      set({ conversations: state.conversations.filter(other => other.id !== id), removed: withoutLooseEnds(removed) })
      persist(database.remove(id), id)
    },
    restore(): void {
      const { removed, conversations } = state
      if (!removed) return
      const sorted = [...conversations, removed].sort((a, b) => b.updatedAt - a.updatedAt)
      set({ conversations: sorted, removed: null })
      persist(database.put(removed), removed.id)
    },
    forgetRemoved(): void {
      set({ removed: null })
    },
  }
}

export type Store = ReturnType<typeof createStore>

export function useChat(store: Store): ChatState {
  return useSyncExternalStore(store.subscribe, store.getState)
}

/** An answer that was being written when the page went away stays as far as it came. */
function withoutLooseEnds(conversation: Conversation): Conversation {
  const messages = conversation.messages.map(message =>
    message.role === 'assistant' && message.state === 'streaming'
      ? { ...message, state: 'interrupted' as const }
      : message,
  )
  return { ...conversation, messages }
}
