import { createReferenceDevice } from '@modu/engine'
import { trainTokenizer } from './bpeTrainer.ts'
import { ChatTemplate, moduChatTemplate } from './chatTemplate.ts'
import { saveCheckpoint } from './checkpoint.ts'
import { parseConfig } from './config.ts'
import { createModel } from './loadModel.ts'
import { specialTokenId } from './specialTokens.ts'
import { Tokenizer } from './tokenizer.ts'
import { saveTokenizerFiles, tokenizerConfig } from './tokenizerFiles.ts'

/* For tests of packages that need a whole model, quickly. */

const sentences = [
  '안녕하세요! 만나서 반갑습니다. 저는 모두라고 합니다.',
  '오늘은 날씨가 맑고 바람이 시원해서 바다에 가고 싶습니다.',
  '옛날 옛적에 깊은 산속에 호랑이 한 마리가 살고 있었습니다.',
  '가나다라마바사아자차카타파하, 하나 둘 셋 넷 다섯 여섯 일곱.',
  'The quick brown fox jumps over the lazy dog, 0123456789.',
]

/**
 * Writes a Hugging Face folder of a tiny A.X K1 with random weights into `folder`: configuration, weights, a tokenizer
 * of 320 entries trained on five sentences, chat template, generation configuration. Its answers are noise; the same
 * `seed` gives the same noise.
 */
export async function writeTinyModel(folder: string, { seed = 1, maxPositions = 2048 } = {}): Promise<void> {
  const json = await trainTokenizer(sentences, { vocabularySize: 320 })
  const config = parseConfig({
    model_type: 'axk1',
    vocab_size: 320,
    hidden_size: 32,
    intermediate_size: 48,
    moe_intermediate_size: 16,
    num_hidden_layers: 2,
    first_k_dense_replace: 1,
    num_attention_heads: 2,
    n_routed_experts: 4,
    n_shared_experts: 1,
    num_experts_per_tok: 2,
    n_group: 1,
    topk_group: 1,
    q_lora_rank: 16,
    kv_lora_rank: 16,
    qk_nope_head_dim: 8,
    qk_rope_head_dim: 4,
    v_head_dim: 8,
    max_position_embeddings: maxPositions,
    initializer_range: 0.2,
    tie_word_embeddings: true,
    pad_token_id: specialTokenId('<|pad|>'),
    bos_token_id: specialTokenId('<|begin|>'),
    eos_token_id: specialTokenId('<|end|>'),
    dtype: 'float32',
  })
  const device = createReferenceDevice()
  saveCheckpoint(createModel(config, device, { seed }), folder)
  await device.close()
  const tokenizer = new Tokenizer(json, tokenizerConfig(json, maxPositions))
  saveTokenizerFiles(folder, tokenizer, new ChatTemplate(moduChatTemplate), { do_sample: true, temperature: 1 })
}
