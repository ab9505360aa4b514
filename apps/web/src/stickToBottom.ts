import { type RefObject, useCallback, useEffect, useRef, useState } from 'react'

/** Closer to the end than this, in pixels, the reader counts as being there. */
const near = 40

/**
 * Keeps a scrolling box at its end while its content grows, but only as long as the reader is there: scrolling up lets
 * go, coming back to the end holds on again.
 */
export function useStickToBottom(box: RefObject<HTMLElement | null>, content: RefObject<HTMLElement | null>) {
  const [atBottom, setAtBottom] = useState(true)
  const sticking = useRef(true)

  const toBottom = useCallback(() => {
    sticking.current = true
    setAtBottom(true)
    if (box.current) box.current.scrollTop = box.current.scrollHeight
  }, [box])

  useEffect(() => {
    const outer = box.current
    const inner = content.current
    if (!outer || !inner) return
    let lastTop = outer.scrollTop
    const onScroll = () => {
      const top = outer.scrollTop
      const gap = outer.scrollHeight - outer.clientHeight - top
      // Growing content also widens the gap, and shrinking content moves the view: only a way up counts as leaving.
      if (gap <= near) sticking.current = true
      else if (top < lastTop) sticking.current = false
      lastTop = top
      setAtBottom(sticking.current || gap <= near)
    }
    const observer = new ResizeObserver(() => {
      if (sticking.current) outer.scrollTop = outer.scrollHeight
      else onScroll()
    })
    outer.addEventListener('scroll', onScroll, { passive: true })
    observer.observe(inner)
    observer.observe(outer)
    return () => {
      outer.removeEventListener('scroll', onScroll)
      observer.disconnect()
    }
  }, [box, content])

  return { atBottom, toBottom }
}
