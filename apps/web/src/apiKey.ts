import { useSyncExternalStore } from 'react'

const storedAs = 'modu.key'

/** The key that the page sends to the server, and whether this browser keeps it beyond the visit. */
interface ApiKey {
  /** Empty: none. */
  readonly key: string
  readonly kept: boolean
}

const none: ApiKey = { key: '', kept: false }
let current = read()
const listeners = new Set<() => void>()

// Another tab has kept a key, or forgotten it.
addEventListener('storage', event => {
  if (event.key === storedAs || event.key === null) change(read())
})

export const getApiKey = (): string => current.key

/** Uses the key from now on; in the browser's storage it lies only if the reader wants that. */
export function setApiKey(key: string, keep: boolean): void {
  let kept = false
  try {
    if (keep) localStorage.setItem(storedAs, key)
    else localStorage.removeItem(storedAs)
    kept = keep
  } catch {
    // Without storage the key holds until the page closes.
  }
  change({ key, kept })
}

export const forgetApiKey = (): void => setApiKey('', false)

export const useApiKey = (): ApiKey => useSyncExternalStore(subscribe, () => current)

function subscribe(listener: () => void): () => void {
  listeners.add(listener)
  return () => listeners.delete(listener)
}

function change(next: ApiKey): void {
  current = next
  for (const listener of listeners) listener()
}

function read(): ApiKey {
  try {
    const key = localStorage.getItem(storedAs)
    return key ? { key, kept: true } : none
  } catch {
    return none
  }
}
