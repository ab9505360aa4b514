/** A control token as tokenizer.json lists it. */
export interface AddedTokenJson {
  id: number
  content: string
  single_word: boolean
  lstrip: boolean
  rstrip: boolean
  normalized: boolean
  special: boolean
}

/** Hugging Face's tokenizer.json, as far as byte-level BPE uses it. */
export interface TokenizerJson {
  version: string
  truncation: null
  padding: null
  added_tokens: AddedTokenJson[]
  normalizer: NormalizerJson | null
  pre_tokenizer: PreTokenizerJson | null
  post_processor: unknown
  decoder: { type: string; [setting: string]: unknown } | null
  model: {
    type: string
    dropout: number | null
    unk_token: string | null
    continuing_subword_prefix: string | null
    end_of_word_suffix: string | null
    fuse_unk: boolean
    byte_fallback: boolean
    ignore_merges: boolean
    vocab: Record<string, number>
    /** Pairs; older files write `"a b"`. */
    merges: ([string, string] | string)[]
  }
}

export interface NormalizerJson {
  type: string
  normalizers?: NormalizerJson[]
}

/** What of Hugging Face's `pre_tokenizer` byte-level vocabularies use: splits by pattern, then the byte alphabet. */
export interface PreTokenizerJson {
  type: string
  pretokenizers?: PreTokenizerJson[]
  pattern?: { Regex?: string; String?: string }
  behavior?: string
  invert?: boolean
  add_prefix_space?: boolean
  trim_offsets?: boolean
  use_regex?: boolean
  individual_digits?: boolean
}
