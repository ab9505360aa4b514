import { join } from 'node:path'
import { type LanguageModel, type ModelConfig, parseConfig } from '@modu/model'

/** The folder of the shipped nano, which `server` and `sampling` run. */
export const shippedNano = join(import.meta.dirname, '../models/nano')

/** The model of the other benchmarks, as its `config.json`, which peers read too: 12.3M parameters, 5.4M of them active. The
 * shipped nano may have another shape. */
export const nanoFile = {
  model_type: 'axk1',
  vocab_size: 8192,
  hidden_size: 256,
  intermediate_size: 768,
  moe_intermediate_size: 128,
  num_hidden_layers: 6,
  first_k_dense_replace: 1,
  num_attention_heads: 8,
  n_routed_experts: 16,
  n_shared_experts: 1,
  num_experts_per_tok: 2,
  n_group: 1,
  topk_group: 1,
  q_lora_rank: 128,
  kv_lora_rank: 64,
  qk_nope_head_dim: 32,
  qk_rope_head_dim: 16,
  v_head_dim: 32,
  max_position_embeddings: 2048,
  tie_word_embeddings: true,
  dtype: 'float32',
} as const

export const nanoConfig: ModelConfig = parseConfig(nanoFile)

/** Cuts the weights off to numbers that bfloat16 has, as those of published checkpoints are. */
export function roundToBf16({ parameters }: LanguageModel): void {
  for (const { data } of parameters.values()) {
    const bits = new Int32Array(data.buffer, data.byteOffset, data.length)
    for (let i = 0; i < bits.length; i++) bits[i]! &= 0xffff_0000
  }
}
