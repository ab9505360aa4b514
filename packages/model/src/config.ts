/** Placeholder until the configuration reader lands. */
export interface ModelConfig {
  readonly modelType: string
  readonly vocabSize: number
  readonly hiddenSize: number
  readonly maxPositions: number
}
