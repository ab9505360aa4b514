import * as huggingFace from '@huggingface/tokenizers'
import { ModelError } from './errors.ts'
import type { PreTokenizerJson } from './tokenizerJson.ts'

/** Typed here, because the library's own declarations do not resolve under Node's rules (they omit file extensions). */
const { SplitPreTokenizer } = huggingFace as unknown as {
  SplitPreTokenizer: new (config: object) => { pattern: RegExp }
}

/** Cuts text into the words that byte-pair merges stay within. The pieces joined are the text. */
export type PreTokenizer = (text: string) => readonly string[]

/** GPT-2's own split, which `ByteLevel` applies when `use_regex` is true. */
const gpt2Pattern = "'(?:[sdmt]|ll|ve|re)| ?\\p{L}+| ?\\p{N}+| ?[^\\s\\p{L}\\p{N}]+|\\s+(?!\\S)|\\s+"

/** Reads the `pre_tokenizer` of a tokenizer.json. A `config` error names what it cannot do. */
export function createPreTokenizer(json: PreTokenizerJson | null): PreTokenizer {
  const splits = patterns(json ?? { type: 'null' }).map(compile)
  if (splits.length === 1) return text => split(text, splits[0])
  return text =>
    splits.reduce<readonly string[]>((pieces, regex) => pieces.flatMap(piece => split(piece, regex)), [text])
}

function patterns(json: PreTokenizerJson): string[] {
  const refuse = (what: string) => {
    throw new ModelError(
      'config',
      `tokenizer.json: pre_tokenizer ${what} is not supported; use a byte-level BPE tokenizer`,
    )
  }
  switch (json.type) {
    case 'Sequence':
      return (json.pretokenizers ?? []).flatMap(patterns)
    case 'Split':
      if (json.behavior !== 'Isolated' || json.invert) refuse(`Split with behavior ${json.behavior}`)
      return [json.pattern?.Regex ?? escapeRegex(json.pattern?.String ?? '')]
    case 'Digits':
      return [json.individual_digits ? '\\p{N}' : '\\p{N}+']
    case 'ByteLevel':
      if (json.add_prefix_space) refuse('ByteLevel with add_prefix_space')
      return json.use_regex === false ? [] : [gpt2Pattern]
    default:
      return refuse(json.type) as never
  }
}

const escapeRegex = (text: string): string => text.replace(/[\\^$.*+?()[\]{}|]/g, '\\$&')

/** Matches and what lies between them. Most patterns match everything, and then the matches are the answer. */
function split(text: string, regex: RegExp): readonly string[] {
  const matches = text.match(regex) ?? []
  let covered = 0
  for (const match of matches) covered += match.length
  if (covered === text.length) return matches
  const pieces: string[] = []
  let end = 0
  for (const match of text.matchAll(regex)) {
    if (match.index > end) pieces.push(text.slice(end, match.index))
    if (match[0]) pieces.push(match[0])
    end = match.index + match[0].length
  }
  if (end < text.length) pieces.push(text.slice(end))
  return pieces
}

/**
 * Patterns in tokenizer.json are Oniguruma's; the library translates them. Its own `ByteLevel` splits by a JavaScript
 * pattern instead, whose \s has U+FEFF and lacks U+0085, unlike the original's: so that split goes this way, too.
 */
function compile(pattern: string): RegExp {
  try {
    return new SplitPreTokenizer({ pattern: { Regex: pattern }, invert: false }).pattern
  } catch (error) {
    throw new ModelError(
      'config',
      `tokenizer.json: cannot compile the split pattern ${pattern}; use one that JavaScript understands`,
      {
        cause: error,
      },
    )
  }
}
