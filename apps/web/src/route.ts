import { useSyncExternalStore } from 'react'

const prefix = '#/c/'

/** The conversation that the address names (`#/c/ID`), or null for a new one. */
export function useRoute(): string | null {
  return useSyncExternalStore(subscribe, current)
}

export function goTo(id: string | null): void {
  if (id !== current()) location.hash = id === null ? '#/' : prefix + id
}

/** Shows a new conversation in place of one that is not there, so that "back" does not lead to it again. */
export function leaveMissing(): void {
  location.replace('#/')
}

function current(): string | null {
  return location.hash.startsWith(prefix) ? location.hash.slice(prefix.length) : null
}

function subscribe(listener: () => void): () => void {
  addEventListener('hashchange', listener)
  return () => removeEventListener('hashchange', listener)
}
