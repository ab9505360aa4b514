import { useCallback, useEffect, useState } from 'react'
import { ApiError, listModels } from './api.ts'
import { useApiKey } from './apiKey.ts'

/** Milliseconds between two tries to reach a server that is gone. */
const retryEvery = 2500

interface Server {
  readonly models: string[]
  /** `gone`: it does not answer, and is asked again and again; `locked`: it wants a key, or another one. */
  readonly state: 'there' | 'gone' | 'locked'
  readonly check: () => void
}

/** Which models the server offers, and whether it answers at all. */
export function useServer(): Server {
  const { key } = useApiKey()
  const [models, setModels] = useState<string[]>([])
  const [state, setState] = useState<Server['state']>('there')
  const [round, setRound] = useState(0)
  const check = useCallback(() => setRound(n => n + 1), [])

  useEffect(() => {
    const abort = new AbortController()
    let timer: ReturnType<typeof setTimeout> | undefined
    const ask = async () => {
      try {
        setModels(await listModels(abort.signal))
        setState('there')
      } catch (error) {
        if (abort.signal.aborted) return
        const locked = error instanceof ApiError && error.code === 'key'
        setState(locked ? 'locked' : 'gone')
        if (!locked) timer = setTimeout(ask, retryEvery)
      }
    }
    void ask()
    return () => {
      abort.abort()
      clearTimeout(timer)
    }
  }, [round, key])

  return { models, state, check }
}
