import { copyFileSync } from 'node:fs'
import { basename, join } from 'node:path'
import type { Device, Tensor } from '@modu/engine'
import { ChatModel, createModel, type LanguageModel, loadModel, setTrainable, writeFileAtomic } from '@modu/model'
import { findCheckpoint, loadCheckpoint, type RunState, saveCheckpoint } from './checkpoint.ts'
import { allFinite } from './divergence.ts'
import { TrainError } from './errors.ts'
import type { Sample, TrainEvent } from './events.ts'
import { exportModel } from './exportModel.ts'
import { finetuneStage, pretrainStage } from './imitation.ts'
import { lossPlot } from './lossPlot.ts'
import { appendLine, type Metrics, rewindLines, type StepMetrics, type ValidationMetrics } from './metrics.ts'
import { answerCardQuestions, modelCard } from './modelCard.ts'
import { modelConfig } from './modelConfig.ts'
import { Optimizer } from './optimizer.ts'
import { planRun, type RunOptions } from './plannedRun.ts'
import { predict } from './prediction.ts'
import { type PreparedData, prepareData } from './prepare.ts'
import { type Recipe, type StageName, stagesOf } from './recipe.ts'
import { reinforceStage } from './reinforce/reinforceStage.ts'
import { needsOf, requireRoom, roomFor } from './resources.ts'
import { risingSources } from './risingSources.ts'
import { openRunFolder, type RunFolder } from './runFolder.ts'
import { drawSamples } from './samples.ts'
import { decayBegin, learningRateAt } from './schedule.ts'
import type { Stage, StageContext } from './stage.ts'

export interface TrainOptions extends RunOptions {
  /** Where the model is trained, in the precision that the recipe names. The caller closes it. */
  readonly device: Device
  /** Aborted, training finishes the step it is in, saves, and returns. */
  readonly signal?: AbortSignal
  readonly onProgress?: (event: TrainEvent) => void
}

export interface TrainResult {
  readonly runFolder: string
  /** The finished model's folder, in Hugging Face's layout; undefined if training was stopped before its end. */
  readonly model: string | undefined
  readonly step: number
}

/**
 * Trains a model by a recipe: cleans the data, trains the tokenizer, encodes, pre-trains, fine-tunes, and writes the
 * model. Stopped at any moment, even killed, the same call goes on from the last checkpoint, with the same data order:
 * the result is that of an uninterrupted run bit for bit on the same device and number of threads.
 * Errors: TrainError, and DataError for the data.
 */
export async function train(recipePath: string, options: TrainOptions): Promise<TrainResult> {
  const planned = await planRun(recipePath, options)
  const { recipe, start, root } = planned
  requirePrecision(recipe, options.device)
  const emit = options.onProgress ?? (() => {})
  const needs = needsOf(recipe, start)
  emit({ kind: 'needs', needs })
  requireRoom(needs, roomFor(root))
  const folder = openRunFolder(root, recipe, start)
  try {
    const data = await prepareData(recipe, folder, planned, emit, start)
    const run = new Run(recipe, folder, data, options.device, emit)
    const finished = await run.trainStages(options.signal)
    if (finished) await run.export(commandOf(recipePath, options))
    return { runFolder: root, model: finished ? folder.model : undefined, step: run.step }
  } finally {
    folder.release()
  }
}

/** What one types to run it. */
function commandOf(recipePath: string, options: TrainOptions): string {
  const chosen = (['size', 'from', 'stage'] as const).filter(name => options[name] !== undefined)
  return ['npx modu train', recipePath, ...chosen.map(name => `--${name} ${options[name]}`)].join(' ')
}

function requirePrecision({ precision = 'float32' }: Recipe, device: Device): void {
  if (device.precision === precision) return
  throw new TrainError(
    'recipe',
    `the recipe trains in ${precision}, but the device multiplies in ${device.precision}: give it the same "precision"`,
  )
}

/** How each stage is made. */
const stageMakers: Readonly<Record<StageName, (context: StageContext) => Stage>> = {
  pretrain: pretrainStage,
  finetune: finetuneStage,
  reinforce: reinforceStage,
}

/** Loads of all experts take room: only every so often do metrics hold them. */
const stepsBetweenLoads = 10

/** One run from where it stands to its end. */
class Run {
  step = 0
  private stageName: StageName
  private stage: Stage
  private stageStep = 0
  private tokens = 0
  private seconds = 0
  private readonly recipe: Recipe
  private readonly folder: RunFolder
  private readonly data: PreparedData
  private readonly emit: (event: TrainEvent) => void
  private readonly model: LanguageModel
  private readonly optimizer: Optimizer
  private readonly metrics: Metrics[]

  constructor(
    recipe: Recipe,
    folder: RunFolder,
    data: PreparedData,
    device: Device,
    emit: (event: TrainEvent) => void,
  ) {
    this.recipe = recipe
    this.folder = folder
    this.data = data
    this.emit = emit
    const config = modelConfig(recipe, data)
    this.model = data.start ? loadModel(data.start.folder, device) : createModel(config, device, { seed: recipe.seed })
    setTrainable(this.model)
    this.optimizer = new Optimizer(device, this.model.parameters)
    const found = this.findCheckpoint()
    if (!found) this.predict()
    this.stageName = found?.state.stage ?? stagesOf(recipe)[0]!
    this.stage = this.makeStage()
    if (found) this.resume(found.path, found.state)
    this.metrics = rewindLines<Metrics>(folder.metrics, this.step)
    rewindLines<Sample>(folder.samples, this.step)
  }

  /** Goes through the stages that are left. False if `signal` stopped it. */
  async trainStages(signal?: AbortSignal): Promise<boolean> {
    const stages = stagesOf(this.recipe)
    for (const name of stages.slice(stages.indexOf(this.stageName))) {
      if (name !== this.stageName) {
        this.stage.release()
        this.stageName = name
        this.stageStep = 0
        this.optimizer.clear()
        this.stage = this.makeStage()
      }
      if (!(await this.trainStage(signal))) return false
    }
    this.stage.release()
    return true
  }

  /** Tells how long it will take, by trying; leaves everything as it was. */
  private predict(): void {
    const prediction = predict(this.context)
    this.optimizer.clear()
    if (prediction.tokens > 0) this.emit({ kind: 'prediction', prediction })
  }

  private get context(): StageContext {
    const { recipe, data, model, optimizer } = this
    return { recipe, data, model, optimizer }
  }

  private makeStage(): Stage {
    return stageMakers[this.stageName](this.context)
  }

  async export(command: string): Promise<void> {
    const { folder, recipe, model, data, metrics } = this
    this.emit({ kind: 'phase', phase: 'export' })
    exportModel(folder.model, model, data)
    const plot = basename(folder.plot)
    copyFileSync(folder.plot, join(folder.model, plot))
    const chat = ChatModel.load(folder.model, model.device)
    const answers = await answerCardQuestions(chat, recipe.seed)
    writeFileAtomic(
      join(folder.model, 'README.md'),
      modelCard({ recipe, command, start: data.start, metrics, plot, chat, answers }),
    )
    chat.close()
    this.emit({ kind: 'finished', model: this.folder.model })
  }

  private get totalSteps(): number {
    return stagesOf(this.recipe).reduce((sum, stage) => sum + this.recipe[stage]!.steps, 0)
  }

  private async trainStage(signal?: AbortSignal): Promise<boolean> {
    const { stageName, stage, recipe } = this
    const settings = recipe[stageName]!
    this.emit({ kind: 'phase', phase: stageName })
    if (Object.keys(stage.epochs).length > 0) this.emit({ kind: 'mixture', stage: stageName, epochs: stage.epochs })
    if (this.stageStep > 0) stage.skip(this.stageStep)
    // What reinforcement gains shows against where it begins.
    else if (stageName === 'reinforce' && this.metrics.at(-1)?.stage !== stageName) await this.validate()
    const sittingStart = performance.now()
    const sittingStep = this.step
    while (this.stageStep < settings.steps) {
      // Lets signals and timers in between steps.
      await new Promise(resolve => setImmediate(resolve))
      if (signal?.aborted) {
        this.save()
        this.emit({ kind: 'stopped', step: this.step })
        return false
      }
      const begin = performance.now()
      const learningRate = learningRateAt(this.stageStep, settings)
      const result = await stage.step(this.stageStep, learningRate).catch(error => {
        throw this.explained(error, this.step + 1)
      })
      const seconds = (performance.now() - begin) / 1000
      this.step++
      this.stageStep++
      this.tokens += result.tokens
      this.seconds += seconds
      const metrics: StepMetrics = {
        kind: 'step',
        stage: stageName,
        step: this.step,
        loss: result.loss,
        learningRate,
        gradientNorm: result.gradientNorm,
        tokens: result.tokens,
        countedTokens: result.countedTokens,
        tokensPerSecond: result.tokens / seconds,
        worstExpertLoad: result.balance.worst,
        meanExpertLoad: result.balance.mean,
        ...(result.loads.length > 0 && { routerEntropy: result.balance.entropy, deadExperts: result.balance.dead }),
        ...(result.loads.length > 0 && this.step % stepsBetweenLoads === 0 && { loads: result.loads }),
        seconds: this.seconds,
        ...(result.measures && { measures: result.measures }),
      }
      this.note(metrics)
      const spent = (performance.now() - sittingStart) / 1000
      const secondsLeft = (spent / (this.step - sittingStep)) * (this.totalSteps - this.step)
      this.emit({ kind: 'step', metrics, totalSteps: this.totalSteps, secondsLeft })
      const last = this.stageStep === settings.steps
      if (last || this.step % recipe.validation.everySteps === 0) await this.validate()
      if (last || this.step % recipe.samples.everySteps === 0) await this.sample()
      if (last || this.step % recipe.checkpointEverySteps === 0) this.save()
      // From here a longer run can go on.
      if (stageName === 'pretrain' && settings.decaySteps !== undefined && this.stageStep === decayBegin(settings)) {
        this.save('stable')
      }
    }
    return true
  }

  private note(metrics: Metrics): void {
    this.metrics.push(metrics)
    appendLine(this.folder.metrics, metrics)
  }

  private async validate(): Promise<void> {
    const measured = await this.stage.validate()
    const metrics: ValidationMetrics = { kind: 'validation', stage: this.stageName, step: this.step, ...measured }
    this.note(metrics)
    writeFileAtomic(this.folder.plot, lossPlot(this.recipe.name, this.metrics))
    this.emit({ kind: 'validation', metrics })
    const rising = risingSources(
      this.metrics.filter(
        (line): line is ValidationMetrics => line.kind === 'validation' && line.stage === this.stageName,
      ),
    )
    if (rising.length > 0) this.emit({ kind: 'rising', rising })
  }

  private async sample(): Promise<void> {
    for (const drawn of await drawSamples(
      this.model,
      this.data,
      this.stageName,
      this.recipe.samples,
      this.recipe.seed,
    )) {
      const sample: Sample = { stage: this.stageName, step: this.step, ...drawn }
      appendLine(this.folder.samples, sample)
      this.emit({ kind: 'sample', sample })
    }
  }

  /** All that a later sitting needs to go on exactly: weights, correction biases, moments, and what the stage keeps. */
  private get tensors(): Map<string, Tensor> {
    const tensors = new Map<string, Tensor>([...this.model.parameters, ...this.model.buffers])
    for (const [name, { m, v }] of this.optimizer.moments) tensors.set(`m:${name}`, m).set(`v:${name}`, v)
    for (const [name, tensor] of this.stage.tensors) tensors.set(`stage:${name}`, tensor)
    return tensors
  }

  private save(kind: 'step' | 'stable' = 'step'): void {
    const { step, stageName: stage, stageStep, tokens, seconds } = this
    const state: RunState = { step, stage, stageStep, tokens, seconds, dataKey: this.data.key }
    const tensors = this.tensors
    for (const [name, { reals }] of tensors) {
      if (!allFinite(reals)) throw this.explained(new TrainError('diverged', `"${name}" is not finite`), step)
    }
    saveCheckpoint(this.folder.checkpoints, state, tensors, kind)
    this.emit({ kind: 'checkpoint', step })
  }

  /** An error of step `step`: one that says that training has diverged says where, and how to go on. */
  private explained(error: unknown, step: number): unknown {
    if (!(error instanceof TrainError && error.code === 'diverged')) return error
    const good = findCheckpoint(this.folder.checkpoints)
    const kept = good
      ? `The checkpoint of step ${good.state.step} before it is sound and stays`
      : 'There is no checkpoint yet'
    return new TrainError(
      'diverged',
      `training has diverged in step ${step} (${this.stageName}): ${error.message}. ${kept}. Start a new run with a lower learningRate or a longer warm-up`,
      { cause: error },
    )
  }

  private findCheckpoint(): ReturnType<typeof findCheckpoint> {
    const found = findCheckpoint(this.folder.checkpoints)
    if (found && found.state.dataKey !== this.data.key) {
      throw new TrainError(
        'run',
        `the data has changed since the run in ${this.folder.root} began: bring the old data back, or start in another run folder`,
      )
    }
    return found
  }

  private resume(path: string, { step, stage, stageStep, tokens, seconds }: RunState): void {
    loadCheckpoint(path, this.tensors)
    this.step = step
    this.stageStep = stageStep
    this.tokens = tokens
    this.seconds = seconds
    this.emit({ kind: 'resume', stage, step })
  }
}
