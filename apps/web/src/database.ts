import { type DBSchema, type IDBPObjectStore, openDB } from 'idb'
import type { Conversation } from './conversation.ts'

interface Schema extends DBSchema {
  conversations: { key: string; value: Conversation }
}

type WritableStore = IDBPObjectStore<Schema, ['conversations'], 'conversations', 'readwrite'>

/** Where conversations live: IndexedDB, one record each. All methods reject where the browser forbids storage. */
export interface Database {
  all(): Promise<Conversation[]>
  get(id: string): Promise<Conversation | undefined>
  put(conversation: Conversation): Promise<void>
  remove(id: string): Promise<void>
}

export function openDatabase(): Database {
  const open = async () =>
    openDB<Schema>('modu', 1, { upgrade: db => void db.createObjectStore('conversations', { keyPath: 'id' }) })
  const opened = open()
  // Who calls a method hears of a failure there.
  opened.catch(() => {})
  // Committed at once: a transaction left to commit itself waits for an event, and a page that is going away gets none.
  const write = async (work: (store: WritableStore) => Promise<unknown>) => {
    const transaction = (await opened).transaction('conversations', 'readwrite')
    void work(transaction.store).catch(() => {})
    transaction.commit()
    await transaction.done
  }
  return {
    all: async () => (await opened).getAll('conversations'),
    get: async id => (await opened).get('conversations', id),
    put: conversation => write(store => store.put(conversation)),
    remove: id => write(store => store.delete(id)),
  }
}
