import type { ChatMessage } from '@modu/model'

export interface StoredResponse {
  /** What a client is given who fetches it. */
  readonly body: object
  /** The conversation with this response at its end, without instructions. */
  readonly messages: readonly ChatMessage[]
}

/**
 * Responses that can be fetched and gone on with, by who made them: in memory, the ones used last. Nobody reads
 * another's.
 */
export class ResponseStore {
  readonly #responses = new Map<string, { response: StoredResponse; size: number }>()
  readonly #most: number
  #size = 0

  /** `most`: characters of JSON that are kept. */
  constructor(most: number) {
    this.#most = most
  }

  put(owner: string, id: string, response: StoredResponse): void {
    const size = JSON.stringify(response).length
    this.#responses.set(keyOf(owner, id), { response, size })
    this.#size += size
    for (const oldest of this.#responses.keys()) {
      if (this.#size <= this.#most) break
      this.#remove(oldest)
    }
  }

  get(owner: string, id: string): StoredResponse | undefined {
    const key = keyOf(owner, id)
    const found = this.#responses.get(key)
    if (!found) return undefined
    this.#responses.delete(key)
    this.#responses.set(key, found)
    return found.response
  }

  /** Whether there was one. */
  delete(owner: string, id: string): boolean {
    return this.#remove(keyOf(owner, id))
  }

  #remove(key: string): boolean {
    this.#size -= this.#responses.get(key)?.size ?? 0
    return this.#responses.delete(key)
  }
}

const keyOf = (owner: string, id: string) => JSON.stringify([owner, id])
