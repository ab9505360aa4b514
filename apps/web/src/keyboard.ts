import { type KeyboardEvent, useEffect } from 'react'

/**
 * Whether this key press means "send". While Hangul is being composed, Enter only ends the composition; Safari reports
 * that press after the composition with key code 229.
 */
export function isSendKey(event: KeyboardEvent): boolean {
  if (event.key !== 'Enter' || event.shiftKey) return false
  return !event.nativeEvent.isComposing && event.nativeEvent.keyCode !== 229
}

/** Keys that work everywhere on the page: Esc, and Ctrl or Cmd + Shift + O. */
export function useShortcuts({ onEscape, onNewChat }: { onEscape: () => void; onNewChat: () => void }): void {
  useEffect(() => {
    const listen = (event: globalThis.KeyboardEvent) => {
      if (event.defaultPrevented || event.isComposing) return
      if (event.key === 'Escape') onEscape()
      // `code` is the key's place, so that it also works while the keyboard is set to Hangul.
      if (event.code === 'KeyO' && event.shiftKey && (event.ctrlKey || event.metaKey)) {
        event.preventDefault()
        onNewChat()
      }
    }
    addEventListener('keydown', listen)
    return () => removeEventListener('keydown', listen)
  }, [onEscape, onNewChat])
}
