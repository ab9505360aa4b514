import { basename, isAbsolute } from 'node:path'
import { z } from 'zod'
import { cleanText, hangulShare, isInsulting, normalise, squeezeRepeats, squeezeSpaces } from './clean.ts'
import type { PlacedRecord } from './read/record.ts'
import { type CorpusDocument, type CorpusMessage, type Filter, messageSchema, type Source } from './source.ts'
import { maskPersonalData } from './steps/personalData.ts'

const textRecord = z.object({ text: z.string(), title: z.string().optional() })
const reviewRecord = z.object({ text: z.string(), movie_id: z.string().optional() })
const pairRecord = z.object({ question: z.string(), answer: z.string() })
const conversationRecord = z.object({
  id: z.string(),
  messages: z.array(messageSchema).min(2),
  tools: z.array(z.string()).optional(),
})

/** A record as cleaning leaves it, before it is known whether the same was there already. */
export interface CleanedRecord {
  readonly document: CorpusDocument
  /** Reviews of the same group may be joined. */
  readonly group?: string
  readonly charactersRead: number
  /** Pieces of personal data masked in it. */
  readonly personal: number
  /** Why it goes, if it does, and the part that is to blame, if any. */
  readonly filter?: Exclude<Filter, 'duplicate'> | undefined
  readonly part?: string | undefined
}

/** Records of one file of a source; undefined where there is no JSON object. */
export interface RecordBatch {
  readonly source: Source
  readonly file: string
  readonly records: readonly PlacedRecord['record'][]
}

/** One for each record of a batch; undefined for those that lack the fields of their format. */
export type CleanedBatch = readonly (CleanedRecord | undefined)[]

/** What people read in a document. */
export const proseOf = (document: CorpusDocument): string =>
  'text' in document ? document.text : document.messages.map(message => message.content).join('\n')

const cleanMessage = (message: CorpusMessage): CorpusMessage => ({
  ...message,
  content: squeezeSpaces(normalise(message.content ?? '')),
})

/** Tools called come first to stay; the rest of the offer fills up to `most`, in the order offered. */
function fewerTools(offered: readonly string[], messages: readonly CorpusMessage[], most: number): string[] {
  const called = new Set(messages.flatMap(m => m.tool_calls ?? []).map(call => call.function.name))
  const others = offered.filter(name => !called.has(name)).slice(0, Math.max(0, most - called.size))
  return offered.filter(name => called.has(name) || others.includes(name))
}

/** The record as a document, or undefined if its fields are not those of the format. */
function parse(
  record: Record<string, unknown>,
  file: string,
  source: Source,
  masked: (text: string) => string,
): { document: CorpusDocument; group?: string } | undefined {
  switch (source.format) {
    case 'text': {
      const { success, data } = textRecord.safeParse(record)
      if (!success) return undefined
      return { document: { text: masked(cleanText(data.title ? `${data.title}\n${data.text}` : data.text)) } }
    }
    case 'reviews': {
      const { success, data } = reviewRecord.safeParse(record)
      if (!success) return undefined
      return { document: { text: masked(cleanText(data.text).replaceAll('\n', ' ')) }, group: data.movie_id ?? '' }
    }
    case 'pairs': {
      const { success, data } = pairRecord.safeParse(record)
      if (!success) return undefined
      const clean = (text: string) => squeezeSpaces(squeezeRepeats(normalise(text)))
      const messages: CorpusMessage[] = [
        { role: 'user', content: clean(data.question) },
        { role: 'assistant', content: clean(data.answer) },
      ]
      // What is held out by the id must not depend on where a folder lies on this machine.
      const name = isAbsolute(file) ? basename(file) : file
      return { document: { id: `${name}:${data.question}`, messages } }
    }
    case 'conversations': {
      const { success, data } = conversationRecord.safeParse(record)
      if (!success) return undefined
      const messages = data.messages.map(cleanMessage)
      const tools = data.tools && source.maxTools ? fewerTools(data.tools, messages, source.maxTools) : data.tools
      return { document: tools?.length ? { id: data.id, messages, tools } : { id: data.id, messages } }
    }
  }
}

/**
 * Cleans the records of a batch one by one; what one becomes does not depend on the others. `findCopied` finds the part of a
 * text that an evaluation set holds, too.
 */
export function cleanRecords(
  { source, file, records }: RecordBatch,
  findCopied: (text: string) => string | undefined,
): CleanedBatch {
  const filterOf = (document: CorpusDocument): Pick<CleanedRecord, 'filter' | 'part'> => {
    const prose = proseOf(document)
    if ('text' in document && prose.length < source.minCharacters) return { filter: 'short' }
    if (hangulShare(prose) < source.minHangul) return { filter: 'foreign' }
    if (source.format === 'reviews' && isInsulting(prose)) return { filter: 'insulting' }
    const part = findCopied(prose)
    return part === undefined ? {} : { filter: 'contaminated', part }
  }
  return records.map(record => {
    let personal = 0
    const masked = (text: string): string => {
      const { text: without, counts } = maskPersonalData(text)
      for (const count of Object.values(counts)) personal += count
      return without
    }
    const parsed = record && parse(record, file, source, masked)
    if (!parsed) return undefined
    const { document } = parsed
    const charactersRead = 'text' in document ? String(record.text).length : proseOf(document).length
    return { ...parsed, charactersRead, personal, ...filterOf(document) }
  })
}
