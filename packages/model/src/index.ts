export { koreanPattern, type TokenizerProgress, type TrainTokenizerOptions, trainTokenizer } from './bpeTrainer.ts'
export {
  type ChatEvent,
  ChatModel,
  type ChatRequest,
  type CompletionEvent,
  type CompletionOptions,
  type Embedding,
  type FinishEvent,
  type PromptOptions,
  type Usage,
} from './chat.ts'
export {
  type ChatMessage,
  type ChatOptions,
  ChatTemplate,
  encodeChat,
  encodeConversation,
  moduChatTemplate,
  renderChat,
  type ToolCall,
  type ToolDefinition,
} from './chatTemplate.ts'
export { Checkpoint, type SaveOptions, saveCheckpoint } from './checkpoint.ts'
export {
  configToText,
  type DenseConfig,
  type K1Config,
  type ModelConfig,
  parseConfig,
  type RopeParameters,
  readConfig,
  type StoredDType,
} from './config.ts'
export { Dense } from './dense.ts'
export { ModelError, type ModelErrorCode } from './errors.ts'
export { weightsOf } from './families.ts'
export { AtomicFile, readJson, writeFileAtomic } from './files.ts'
export { CachedSequence, type GenerateOptions, type GenerationEnd, generate, type TokenSequence } from './generate.ts'
export { callGrammar, schemaGrammar } from './grammar/jsonSchema.ts'
export { type JsonSchema, SchemaError } from './grammar/place.ts'
export { K1 } from './k1.ts'
export type { KvCache, KvCaches, LanguageModel, PagedKvCache, PagedKvSequence } from './languageModel.ts'
export { copyModel, createModel, type LoadOptions, loadModel, releaseModel } from './loadModel.ts'
export type { Likelihood, TokenLogprob } from './logprobs.ts'
export {
  type ComponentCount,
  countParams,
  formatParamsTable,
  type ParameterCount,
  type ParamsLabels,
} from './params.ts'
export { Random } from './random.ts'
export { type ReplyOptions, ReplySampler, thinkingClose } from './replySampler.ts'
export {
  readSafetensors,
  SafetensorsFile,
  type TensorInfo,
  type WritableDType,
  type WritableTensor,
  writeSafetensors,
} from './safetensors.ts'
export { checkSampling, defaultSampling, logitBlock, Sampler, type SamplingOptions } from './sampling.ts'
export { type SpecialToken, specialTokenId, specialTokens } from './specialTokens.ts'
export { type StreamEvent, TextStream, type TextStreamOptions } from './textStream.ts'
export { Tokenizer, type TokenizerConfigJson } from './tokenizer.ts'
export { type GenerationConfigJson, loadChatTemplate, saveTokenizerFiles, tokenizerConfig } from './tokenizerFiles.ts'
export type { TokenizerJson } from './tokenizerJson.ts'
export { type Comparison, type VerifyOptions, verify } from './verify.ts'
export { type Component, narrowWeights, setTrainable, type WeightSpec } from './weights.ts'
