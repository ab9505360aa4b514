/**
 * The control tokens of Modu's own tokenizers. Their ids are their places in this list, from 0, whatever the vocabulary
 * size: so a model's meaning of id 2 never depends on the corpus its tokenizer was trained on.
 *
 * A turn is a role token, the content, and `<|end|>`; no line breaks or role names, because nano's context is short:
 *
 *     <|begin|><|system|>…<|end|><|user|>안녕?<|end|><|assistant|><think>…</think>안녕하세요!<|end|>
 *
 * Pre-training documents are `<|begin|>`, text, `<|end|>`. The reserved ones are for later needs (fill-in-the-middle, images,
 * further roles) of models already trained.
 */
export const specialTokens = [
  '<|pad|>',
  '<|begin|>',
  '<|end|>',
  '<|system|>',
  '<|user|>',
  '<|assistant|>',
  '<|tool|>',
  '<think>',
  '</think>',
  '<tool_call>',
  '</tool_call>',
  '<tools>',
  '</tools>',
  '<|reserved_0|>',
  '<|reserved_1|>',
  '<|reserved_2|>',
] as const

export type SpecialToken = (typeof specialTokens)[number]

/** The id of a control token in Modu's own tokenizers. */
export const specialTokenId = (token: SpecialToken): number => specialTokens.indexOf(token)

/**
 * Whether Hugging Face libraries should drop the token when they decode with `skip_special_tokens`. As in Qwen3, thinking
 * and tool tags stay in the text, because the parsers of servers such as vLLM look for them there.
 */
export const isSkippedInDecoding = (token: SpecialToken): boolean => token.startsWith('<|')
