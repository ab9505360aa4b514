import { DataError } from '../errors.ts'
import { type OnBytes, type PlacedRecord, parseObject } from './record.ts'
import { textChunks } from './textFile.ts'

const code = (character: string): number => character.charCodeAt(0)
const quote = code('"')
const backslash = code('\\')
const comma = code(',')
const openers = new Set([code('['), code('{')])
const closers = new Set([code(']'), code('}')])

/**
 * The objects of a JSON file that holds one array. The array is cut at the commas between its items, and only an item at
 * a time is parsed. Errors: `format` (no array, or one that breaks off) and those of `textChunks`.
 */
export async function* jsonRecords(path: string, onBytes: OnBytes): AsyncGenerator<PlacedRecord> {
  let item = ''
  let count = 0
  let depth = 0
  let opened = false
  let quoted = false
  let escaped = false
  const placed = (): PlacedRecord => ({ place: `${path}:${++count}`, record: parseObject(item) })

  for await (const chunk of textChunks(path, onBytes)) {
    let start = 0
    for (let at = 0; at < chunk.length; at++) {
      const character = chunk.charCodeAt(at)
      if (quoted) {
        if (escaped) escaped = false
        else if (character === backslash) escaped = true
        else if (character === quote) quoted = false
      } else if (character === quote) quoted = true
      else if (openers.has(character)) {
        if (depth++ > 0) continue
        if (opened || chunk[at] !== '[' || (item + chunk.slice(start, at)).trim() !== '') throw noArray(path)
        opened = true
        item = ''
        start = at + 1
      } else if (depth === 1 && (character === comma || closers.has(character))) {
        item += chunk.slice(start, at)
        start = at + 1
        if (character !== comma) depth = 0
        // An array may be empty.
        if (character === comma || count > 0 || item.trim() !== '') yield placed()
        item = ''
      } else if (closers.has(character)) depth--
    }
    item += chunk.slice(start)
  }
  if (depth > 0) throw new DataError('format', `${path} breaks off after item ${count}: copy it again`)
  if (!opened || item.trim() !== '') throw noArray(path)
}

const noArray = (path: string): DataError =>
  new DataError('format', `${path} is not one JSON array of objects: write it as one, or as lines (.jsonl)`)
