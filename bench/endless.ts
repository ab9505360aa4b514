/** A `logit_bias` that forbids the control tokens of nano's tokenizer, which would end an answer. */
export const endless: Readonly<Record<string, number>> = Object.fromEntries(
  Array.from({ length: 32 }, (_, id) => [id, -100]),
)
