import { mkdtempSync, rmSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { type CorpusDocument, cleanCorpus, isForValidation, readCorpus, type Sources, type Tools } from '@modu/data'

export type Conversation = Extract<CorpusDocument, { id: string }>

/** The documents of one source that training held out, cleaned as training cleans them. */
export interface HeldOutSource {
  readonly name: string
  readonly format: Sources[string]['format']
  readonly texts: readonly string[]
  readonly conversations: readonly Conversation[]
}

/** What training never saw of a recipe's data. */
export interface HeldOut {
  readonly sources: readonly HeldOutSource[]
  /** Tools that the conversations may offer. */
  readonly tools: Tools
  /** First turns of the conversations that training did see, by `promptKey`. */
  readonly seenPrompts: ReadonlySet<string>
}

export interface HeldOutOptions {
  readonly evaluationFiles: readonly string[]
  readonly tools: Tools
  readonly onProgress?: NonNullable<Parameters<typeof cleanCorpus>[3]>['onProgress']
}

/**
 * Cleans `sources` once more as training does and keeps what it holds out: one text in 50 and one conversation in 20, by
 * a hash. Reviews are joined to a text a film before that, as in training. Errors: those of `cleanCorpus`.
 */
export async function heldOutDocuments(
  sources: Sources,
  directory: string,
  { evaluationFiles, tools, onProgress }: HeldOutOptions,
): Promise<HeldOut> {
  const folder = mkdtempSync(join(tmpdir(), 'modu-eval-'))
  try {
    await cleanCorpus(sources, directory, folder, { evaluationFiles, onProgress })
    const heldOut: HeldOutSource[] = []
    const seenPrompts = new Set<string>()
    for (const [name, { format }] of Object.entries(sources)) {
      const texts: string[] = []
      const conversations: Conversation[] = []
      for await (const document of readCorpus(folder, name)) {
        if (isForValidation(document)) 'text' in document ? texts.push(document.text) : conversations.push(document)
        else if ('messages' in document) seenPrompts.add(promptKey(document))
      }
      heldOut.push({ name, format, texts, conversations })
    }
    return { sources: heldOut, tools, seenPrompts }
  } finally {
    rmSync(folder, { recursive: true })
  }
}

/** The messages before the assistant's first, as one text. */
export const promptKey = (conversation: Conversation): string =>
  JSON.stringify(firstTurn(conversation).map(({ role, content }) => [role, content]))

/** The messages before the assistant's first. */
export const firstTurn = ({ messages }: Conversation): Conversation['messages'] =>
  messages.slice(
    0,
    messages.findIndex(({ role }) => role === 'assistant'),
  )
