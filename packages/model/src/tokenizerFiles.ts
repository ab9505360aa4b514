import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { ChatTemplate } from './chatTemplate.ts'
import { writeFileAtomic } from './files.ts'
import type { Tokenizer, TokenizerConfigJson } from './tokenizer.ts'
import type { TokenizerJson } from './tokenizerJson.ts'

/** What a folder's generation_config.json suggests for sampling. */
export interface GenerationConfigJson {
  bos_token_id?: number
  eos_token_id?: number | number[]
  pad_token_id?: number
  do_sample?: boolean
  temperature?: number
  top_k?: number
  top_p?: number
  min_p?: number
  repetition_penalty?: number
  num_beams?: number
  length_penalty?: number
  /** Not one of transformers', which leaves it alone. */
  frequency_penalty?: number
}

/** tokenizer_config.json for a tokenizer of our own, as transformers' `AutoTokenizer` reads it. */
export function tokenizerConfig(json: TokenizerJson, contextLength: number): TokenizerConfigJson {
  return {
    tokenizer_class: 'PreTrainedTokenizerFast',
    bos_token: '<|begin|>',
    eos_token: '<|end|>',
    pad_token: '<|pad|>',
    unk_token: null,
    model_max_length: contextLength,
    clean_up_tokenization_spaces: false,
    added_tokens_decoder: Object.fromEntries(json.added_tokens.map(({ id, ...token }) => [id, token])),
  }
}

/**
 * Writes tokenizer.json, tokenizer_config.json, chat_template.jinja, special_tokens_map.json and generation_config.json,
 * each whole or not at all. `sampling` holds the suggested settings, e.g. `{ do_sample: true, temperature: 0.7 }`.
 */
export function saveTokenizerFiles(
  folder: string,
  tokenizer: Tokenizer,
  template: ChatTemplate,
  sampling: GenerationConfigJson = {},
): void {
  const write = (name: string, value: unknown) =>
    writeFileAtomic(join(folder, name), `${JSON.stringify(value, null, 2)}\n`)
  const { bos_token, eos_token, pad_token } = tokenizer.config
  write('tokenizer.json', tokenizer.json)
  write('tokenizer_config.json', { ...tokenizer.config, chat_template: template.source })
  writeFileAtomic(join(folder, 'chat_template.jinja'), template.source)
  write('special_tokens_map.json', { bos_token, eos_token, pad_token })
  write('generation_config.json', {
    bos_token_id: tokenizer.bosId,
    eos_token_id: tokenizer.eosId,
    pad_token_id: tokenizer.padId,
    ...sampling,
  })
}

/** The chat template of a folder: chat_template.jinja, else tokenizer_config.json's; undefined if it has neither. */
export function loadChatTemplate(folder: string, config: TokenizerConfigJson): ChatTemplate | undefined {
  const file = join(folder, 'chat_template.jinja')
  if (existsSync(file)) return new ChatTemplate(readFileSync(file, 'utf8'))
  const { chat_template } = config
  const source = Array.isArray(chat_template)
    ? (chat_template.find(({ name }) => name === 'default') ?? chat_template[0])?.template
    : chat_template
  return source === undefined ? undefined : new ChatTemplate(source)
}
