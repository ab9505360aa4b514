import { isAbsolute, resolve } from 'node:path'
import { z } from 'zod'
import { taskKinds } from './make/kinds.ts'

/** A tool call as the assistant writes it; `arguments` is an object. */
const toolCallSchema = z.object({
  type: z.literal('function').optional(),
  id: z.string().optional(),
  function: z.object({ name: z.string(), arguments: z.record(z.string(), z.unknown()) }),
})

/** One message in the shape of the OpenAI chat API, with the reasoning beside the answer. */
export const messageSchema = z.object({
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
