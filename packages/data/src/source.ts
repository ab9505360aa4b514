import { createHash } from 'node:crypto'
import { isAbsolute, join, resolve } from 'node:path'
import { z } from 'zod'
import { cleanText, hangulShare, isInsulting, normalise, squeezeRepeats, squeezeSpaces } from './clean.ts'
import { taskKinds } from './make/kinds.ts'
import { makeConversations } from './make/make.ts'
import type { OnBytes } from './read/record.ts'
import { records } from './read/records.ts'
import type { Contamination } from './steps/contamination.ts'
import type { Fingerprints } from './steps/fingerprints.ts'
import { maskPersonalData } from './steps/personalData.ts'

/** A tool call as the assistant writes it; `arguments` is an object. */
const toolCallSchema = z.object({
  type: z.literal('function').optional(),
  id: z.string().optional(),
  function: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) }),
})

/** One message in the shape of the OpenAI chat API, with the reasoning beside the answer. */
const messageSchema = z.object({
  role: z.enum(['system', 'user', 'assistant', 'tool']),
  content: z.string().nullable().default(''),
  reasoning_content: z.string().optional(),
  tool_calls: z.array(toolCallSchema).optional(),
})
export type CorpusMessage = z.infer<typeof messageSchema>

/** A piece of cleaned data: running text, or a conversation (with the names of the tools it was offered). */
export type CorpusDocument =
  | { readonly text: string }
  | { readonly id: string; readonly messages: readonly CorpusMessage[]; readonly tools?: readonly string[] }

/** Where data comes from and how it is read; a recipe holds these by name. */
export const sourceSchema = z
  .strictObject({
    /** Files that `records` reads, or folders of such, in the data folder. None for `exercises`. */
    files: z.array(z.string()).default([]),
    /**
     * `text`: {text, title?}. `reviews`: {text, movie_id}, short ones joined to one text a movie. `pairs`: {question, answer}.
     * `conversations`: {id, messages, tools?}. `exercises`: made, not read.
     */
    format: z.enum(['text', 'reviews', 'pairs', 'conversations', 'exercises']),
    /** Goes into the model card. */
    license: z.string(),
    /** Reading stops after this many kept records a file. */
    limit: z.int().positive().optional(),
    /** Texts with fewer characters are dropped. */
    minCharacters: z.int().min(0).default(20),
    /** Texts whose letters are Hangul to a smaller part are dropped. */
    minHangul: z.number().min(0).max(1).default(0.5),
    /** Which exercises are made, and how many conversations; every second one reasons. */
    kinds: z.array(z.enum(taskKinds)).min(1).optional(),
    count: z.int().positive().optional(),
    /** At most this many tools are offered in a conversation: those it calls, filled up with others it was offered. */
    maxTools: z.int().positive().optional(),
  })
  .refine(({ format, files }) => (format === 'exercises') === (files.length === 0), {
    path: ['files'],
    message: 'name at least one file (but none for "exercises", which are made)',
  })
  .refine(({ format, kinds, count }) => (format === 'exercises') === (kinds !== undefined && count !== undefined), {
    path: ['kinds'],
    message: '"exercises" need "kinds" and "count", and no other format has them',
  })
export type Source = z.infer<typeof sourceSchema>

/** Why records were left out, and how many. */
export interface SourceReport {
  read: number
  kept: number
  documents: number
  charactersRead: number
  charactersKept: number
  /** Lines that are not JSON or lack the fields of their format; the first of them by file and line. */
  corrupt: number
  corruptLines: string[]
  short: number
  foreign: number
  insulting: number
  duplicate: number
  /** Holds a piece of an evaluation set. */
  contaminated: number
  /** Pieces of personal data masked in texts and reviews. */
  personal: number
}

/** Why a record that could be read is dropped, as its report counts it. */
export type Filter = 'short' | 'foreign' | 'insulting' | 'contaminated' | 'duplicate'

export const emptyReport = (): SourceReport => ({
  read: 0,
  kept: 0,
  documents: 0,
  charactersRead: 0,
  charactersKept: 0,
  corrupt: 0,
  corruptLines: [],
  short: 0,
  foreign: 0,
  insulting: 0,
  duplicate: 0,
  contaminated: 0,
  personal: 0,
})

/** The file of a source: absolute as it is, else inside `directory`. */
export const sourcePath = (file: string, directory: string): string =>
  isAbsolute(file) ? file : resolve(directory, file)

/** A place without the data folder before it. */
const shortPlace = (place: string, directory: string): string => {
  const inside = join(resolve(directory), '/')
  return place.startsWith(inside) ? place.slice(inside.length) : place
}

const textRecord = z.object({ text: z.string(), title: z.string().optional() })
const reviewRecord = z.object({ text: z.string(), movie_id: z.string().optional() })
const pairRecord = z.object({ question: z.string(), answer: z.string() })
const conversationRecord = z.object({
  id: z.string(),
  messages: z.array(messageSchema).min(2),
  tools: z.array(z.string()).optional(),
})

/** Reviews of one movie join to texts of about this many characters. */
const joinedReviewCharacters = 400

/** Remembers a document, by 64 bits of a hash of its text or messages; false if the same was there. */
function addNew(seen: Fingerprints, document: CorpusDocument): boolean {
  const identity = 'text' in document ? document.text : JSON.stringify(document.messages)
  const digest = createHash('sha256').update(identity).digest()
  return seen.add(digest.readUInt32LE(0), digest.readUInt32LE(4))
}

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

/** What people read in a document. */
const proseOf = (document: CorpusDocument): string =>
  'text' in document ? document.text : document.messages.map(message => message.content).join('\n')

/** Exercises for training, all with their reasoning: encoding makes both modes of each. */
function* exercises({ kinds = [], count = 0 }: Source, report: SourceReport): Generator<CorpusDocument> {
  for (const { conversation } of makeConversations({ kinds, count, seed: 0, split: 'train', thinking: 'on' })) {
    const { length } = proseOf(conversation)
    report.read++
    report.charactersRead += length
    report.kept++
    report.charactersKept += length
    report.documents++
    yield conversation
  }
}

/** What the sources of a corpus share: documents met so far, and texts that only evaluation may see. */
export interface CorpusMemory {
  readonly seen: Fingerprints
  readonly evaluation: Contamination
  /** Told of each record that a filter drops: where it stands, what people read in it, and the part that is to blame. */
  onDropped?(filter: Filter, place: string, prose: string, part?: string): void
}

/**
 * Reads, cleans and filters one source. `report` is counted up while reading, and `onBytes` told how far it is. Documents come in the order of the files.
 */
export async function* readSource(
  source: Source,
  directory: string,
  memory: CorpusMemory,
  report: SourceReport,
  onBytes?: OnBytes,
): AsyncGenerator<CorpusDocument> {
  /** The filter that drops a document, and the part of it that is to blame, if any. */
  const filterOf = (document: CorpusDocument, prose: string): readonly [filter?: Filter, part?: string] => {
    if ('text' in document && prose.length < source.minCharacters) return ['short']
    if (hangulShare(prose) < source.minHangul) return ['foreign']
    if (source.format === 'reviews' && isInsulting(prose)) return ['insulting']
    const copied = memory.evaluation.find(prose)
    if (copied !== undefined) return ['contaminated', copied]
    return addNew(memory.seen, document) ? [] : ['duplicate']
  }

  /** Counts a cleaned record, or why it goes. */
  const keep = (document: CorpusDocument, prose: string, place: string): boolean => {
    const [filter, part] = filterOf(document, prose)
    if (filter === undefined) {
      report.kept++
      report.charactersKept += prose.length
      return true
    }
    report[filter]++
    memory.onDropped?.(filter, shortPlace(place, directory), prose, part)
    return false
  }

  const masked = (text: string): string => {
    const { text: without, counts } = maskPersonalData(text)
    for (const count of Object.values(counts)) report.personal += count
    return without
  }

  /** The record as a document, or undefined if its fields are not those of the format. */
  const parse = (
    record: Record<string, unknown>,
    name: string,
  ): { document: CorpusDocument; group?: string } | undefined => {
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

  if (source.format === 'exercises') yield* exercises(source, report)
  for (const file of source.files) {
    let kept = 0
    let joined = ''
    let joinedGroup: string | undefined
    for await (const { place, record } of records(sourcePath(file, directory), onBytes)) {
      report.read++
      const parsed = record && parse(record, file)
      if (!parsed) {
        report.corrupt++
        if (report.corruptLines.length < 5) report.corruptLines.push(shortPlace(place, directory))
        continue
      }
      const { document, group } = parsed
      const prose = proseOf(document)
      report.charactersRead += 'text' in document ? String(record.text).length : prose.length
      if (keep(document, prose, place)) {
        kept++
        if (group === undefined || !('text' in document)) {
          report.documents++
          yield document
        } else {
          if (joined && (group !== joinedGroup || joined.length + document.text.length > joinedReviewCharacters)) {
            report.documents++
            yield { text: joined }
            joined = ''
          }
          joinedGroup = group
          joined = joined ? `${joined}\n${document.text}` : document.text
        }
      }
      if (source.limit !== undefined && kept >= source.limit) break
    }
    if (joined) {
      report.documents++
      yield { text: joined }
    }
  }
}
