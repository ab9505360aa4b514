import { type DBSchema, openDB } from 'idb'
import type { Conversation } from './conversation.ts'

interface Schema extends DBSchema {
  conversations: { key: string; value: Conversation }
}

/** Where conversations live: IndexedDB, one record each. All methods reject where the browser forbids storage. */
export interface Database {
  all(): Promise<Conversation[]>
  get(id: string): Promise<Conversation | undefined>
  put(conversation: Conversation): Promise<void>
  remove(id: string): Promise<void>
}

export function openDatabase(): Database {
  const opened = openDB<Schema>('modu', 1, {
    upgrade: db => void db.createObjectStore('conversations', { keyPath: 'id' }),
  })
  // Who calls a method hears of a failure there.
  opened.catch(() => {})
  return {
    all: async () => (await opened).getAll('conversations'),
    get: async id => (await opened).get('conversations', id),
    put: async conversation => void (await (await opened).put('conversations', conversation)),
    remove: async id => (await opened).delete('conversations', id),
  }
}
