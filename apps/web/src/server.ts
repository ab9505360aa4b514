import { useCallback, useEffect, useState } from 'react'
import { listModels } from './api.ts'

/** Milliseconds between two tries to reach a server that is gone. */
const retryEvery = 2500

/** Which models the server offers, and whether it answers at all; while it does not, it is asked again and again. */
export function useServer(): { models: string[]; gone: boolean; check: () => void } {
  const [models, setModels] = useState<string[]>([])
  const [gone, setGone] = useState(false)
  const [round, setRound] = useState(0)
  const check = useCallback(() => setRound(n => n + 1), [])

  useEffect(() => {
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = async () => {
      try {
        setModels(await listModels(abort.signal))
        setGone(false)
      } catch {
        if (abort.signal.aborted) return
        setGone(true)
        timer = setTimeout(ask, retryEvery)
      }
    }
    void ask()
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [round])

  return { models, gone, check }
}
