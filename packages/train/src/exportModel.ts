import { type LanguageModel, saveCheckpoint, saveTokenizerFiles } from '@modu/model'
import type { PreparedData } from './prepare.ts'

/**
 * How a model trained here is best sampled from: small models wander at high temperatures, and go round in circles without
 * a little frequency penalty, which counts the answer only. No repetition penalty: it would keep them from taking up the
 * words of the question. Twice the frequency penalty costs right digits. Plain answers are looked for by six beams: more find
 * nothing better.
 */
export const sampling = { do_sample: true, temperature: 0.3, top_p: 0.9, frequency_penalty: 0.2, num_beams: 6 }

/** Writes the finished model in Hugging Face's layout: weights in bf16, configuration, tokenizer, chat template. */
export function exportModel(folder: string, model: LanguageModel, { tokenizer, template }: PreparedData): void {
  saveCheckpoint(model, folder, { dtype: 'bfloat16' })
  saveTokenizerFiles(folder, tokenizer, template, sampling)
}
