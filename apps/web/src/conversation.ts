/** What the reader wrote. */
export interface Question {
  readonly id: string
  readonly role: 'user'
  readonly content: string
}

/**
 * How an answer stands: being written; finished by the model; cut by its length limit; stopped by the reader;
 * broken off by a reload or a lost connection; or not given at all, with the failure that says why.
 */
export type AnswerState = 'streaming' | 'done' | 'length' | 'stopped' | 'interrupted' | 'failed'

/** Why there is no answer (or only a part of one); the words for it are in i18n.ts. */
export interface Failure {
  readonly kind: 'offline' | 'busy' | 'context' | 'model' | 'key' | 'quota' | 'server' | 'request'
  /** What the server said, in its own words. */
  readonly detail: string
}

export interface AnswerStats {
  readonly tokens: number
  /** Seconds from sending to the last token. */
  readonly seconds: number
  /** Seconds from sending to the first token. */
  readonly firstSeconds: number
  /** Tokens a second from the first token on; 0 where it was too short to tell. */
  readonly tokensPerSecond: number
}

/** What the model wrote. */
export interface Answer {
  readonly id: string
  readonly role: 'assistant'
  readonly content: string
  readonly reasoning: string
  /** Seconds spent on the reasoning, once it has ended. */
  readonly reasoningSeconds?: number
  readonly model: string
  readonly state: AnswerState
  readonly failure?: Failure
  /** How many of the oldest questions the model did not get to read, because the conversation is longer than it can read. */
  readonly forgotten?: number
  readonly stats?: AnswerStats
}

export type Message = Question | Answer

export interface Conversation {
  readonly id: string
  readonly title: string
  /** Milliseconds since 1970. */
  readonly createdAt: number
  readonly updatedAt: number
  readonly messages: readonly Message[]
}

const titleLength = 32

/** The first line of the first question, shortened between characters as people see them. */
export function titleOf(question: string): string {
  const line = question.trim().split('\n', 1)[0].trim()
  const characters = [...new Intl.Segmenter('ko').segment(line)].map(part => part.segment)
  return characters.length <= titleLength ? line : `${characters.slice(0, titleLength).join('').trimEnd()}…`
}

/** A random identifier. Unlike `crypto.randomUUID`, it also works where the page comes over plain HTTP from another machine. */
export function newId(): string {
  return Array.from(crypto.getRandomValues(new Uint8Array(12)), byte => byte.toString(16).padStart(2, '0')).join('')
}

/** What the model gets to read: questions and answers in turn. A question without an answer, unless it is the last, would only confuse it. */
export function promptOf(messages: readonly Message[]): { role: 'user' | 'assistant'; content: string }[] {
  return messages
    .filter((message, i) => {
      const answer = message.role === 'assistant' ? message : messages[i + 1]
      return answer === undefined || answer.content !== ''
    })
    .map(({ role, content }) => ({ role, content }))
}
