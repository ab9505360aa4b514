import type { SourceReport } from '@modu/data'
import type { StepMetrics, ValidationMetrics } from './metrics.ts'
import type { Prediction } from './prediction.ts'
import type { StageName } from './recipe.ts'
import type { Needs } from './resources.ts'
import type { RisingSource } from './risingSources.ts'

/** What a sample prompt became. */
export interface Sample {
  readonly stage: StageName
  readonly step: number
  readonly prompt: string
  readonly thinking?: boolean
  readonly reasoning?: string
  readonly answer: string
}

/** What training tells while it runs. */
export type TrainEvent =
  | {
      readonly kind: 'phase'
      readonly phase: 'clean' | 'tokenizer' | 'pack' | StageName | 'export'
      readonly reused?: boolean
    }
  | { readonly kind: 'source'; readonly name: string; readonly report: SourceReport }
  | {
      readonly kind: 'cleaning'
      readonly bytes: number
      readonly totalBytes: number
      readonly bytesPerSecond: number
      readonly secondsLeft: number
    }
  | {
      readonly kind: 'encoded'
      readonly name: string
      readonly tokens: number
      readonly documents: number
      readonly heldOut: number
    }
  | { readonly kind: 'mixture'; readonly stage: StageName; readonly epochs: Readonly<Record<string, number>> }
  | { readonly kind: 'needs'; readonly needs: Needs }
  | { readonly kind: 'prediction'; readonly prediction: Prediction }
  | { readonly kind: 'resume'; readonly stage: StageName; readonly step: number }
  | { readonly kind: 'step'; readonly metrics: StepMetrics; readonly totalSteps: number; readonly secondsLeft: number }
  | { readonly kind: 'validation'; readonly metrics: ValidationMetrics }
  /** Held-out text of these sources gets harder: they are repeated too often. */
  | { readonly kind: 'rising'; readonly rising: readonly RisingSource[] }
  | { readonly kind: 'sample'; readonly sample: Sample }
  | { readonly kind: 'checkpoint'; readonly step: number }
  | { readonly kind: 'stopped'; readonly step: number }
  | { readonly kind: 'finished'; readonly model: string }

type Language = 'ko' | 'en'

const phases: Record<string, Record<Language, string>> = {
  clean: { ko: '자료 정제', en: 'cleaning data' },
  tokenizer: { ko: '토크나이저 학습', en: 'training the tokenizer' },
  pack: { ko: '토큰으로 변환', en: 'encoding' },
  pretrain: { ko: '사전 학습', en: 'pre-training' },
  finetune: { ko: '대화 미세 조정', en: 'fine-tuning' },
  reinforce: { ko: '강화 학습', en: 'reinforcement learning' },
  export: { ko: '모델 저장', en: 'writing the model' },
}

/** Seconds as `1:02:03` or `4:05`. */
export function formatDuration(seconds: number): string {
  const whole = Math.max(0, Math.round(seconds))
  const [h, m, s] = [Math.floor(whole / 3600), Math.floor(whole / 60) % 60, whole % 60]
  const two = (n: number) => String(n).padStart(2, '0')
  return h > 0 ? `${h}:${two(m)}:${two(s)}` : `${m}:${two(s)}`
}

const number = (value: number): string => Math.round(value).toLocaleString('en-US')

/** An event as one line for people. */
export function formatEvent(event: TrainEvent, language: Language = 'ko'): string {
  const ko = language === 'ko'
  switch (event.kind) {
    case 'phase':
      return `— ${phases[event.phase]![language]}${event.reused ? (ko ? ' (이미 있음)' : ' (there already)') : ''}`
    case 'source': {
      const { read, kept, corrupt, short, foreign, insulting, duplicate, contaminated, personal, corruptLines } =
        event.report
      const dropped = ko
        ? `깨짐 ${corrupt}, 짧음 ${short}, 한국어 아님 ${foreign}, 욕설 ${insulting}, 중복 ${duplicate}, 평가 자료 ${contaminated}; 개인정보 ${personal}곳 가림`
        : `corrupt ${corrupt}, short ${short}, not Korean ${foreign}, insults ${insulting}, duplicates ${duplicate}, evaluation texts ${contaminated}; ${personal} pieces of personal data masked`
      const where = corrupt > 0 ? ` (${corruptLines.join(', ')}${corrupt > corruptLines.length ? ', …' : ''})` : ''
      return `  ${event.name}: ${number(kept)}/${number(read)} ${ko ? '남김' : 'kept'}; ${dropped}${where}`
    }
    case 'cleaning': {
      const megabytes = (bytes: number) => (bytes / 1e6).toFixed(1)
      const done = `${megabytes(event.bytes)}/${megabytes(event.totalBytes)} MB`
      const left = formatDuration(event.secondsLeft)
      return ko
        ? `  ${done} · 초당 ${megabytes(event.bytesPerSecond)} MB · 남은 시간 ${left}`
        : `  ${done} · ${megabytes(event.bytesPerSecond)} MB/s · ${left} left`
    }
    case 'encoded':
      return `  ${event.name}: ${number(event.tokens)} ${ko ? '토큰' : 'tokens'}, ${number(event.documents)} ${ko ? '문서' : 'documents'} (+${number(event.heldOut)} ${ko ? '검증용' : 'held out'})`
    case 'mixture':
      return `  ${ko ? '반복 횟수' : 'epochs'}: ${Object.entries(event.epochs)
        .map(([name, epochs]) => `${name} ${epochs.toFixed(1)}`)
        .join(', ')}`
    case 'needs': {
      const { parameters, state, activations, disk } = event.needs
      const gigabytes = (bytes: number) => `${(bytes / 2 ** 30).toFixed(2)} GiB`
      const memory = gigabytes(state + activations)
      return ko
        ? `  매개변수 ${number(parameters)} · 예상 메모리 ${memory} · 체크포인트와 모델 ${gigabytes(disk)}`
        : `  ${number(parameters)} parameters · about ${memory} of memory · ${gigabytes(disk)} of checkpoints and model`
    }
    case 'prediction': {
      const { tokens, speed, seconds } = event.prediction
      const gflops = (speed / 1e9).toFixed(0)
      return ko
        ? `  예상 시간 ${formatDuration(seconds)} · ${number(tokens)} 토큰 · ${gflops} GFLOP/s`
        : `  predicted time ${formatDuration(seconds)} · ${number(tokens)} tokens · ${gflops} GFLOP/s`
    }
    case 'resume':
      return ko
        ? `  ${event.step}단계(${phases[event.stage]!.ko})에서 이어서 합니다`
        : `  going on from step ${event.step} (${phases[event.stage]!.en})`
    case 'step': {
      const { metrics, totalSteps, secondsLeft } = event
      const left = formatDuration(secondsLeft)
      const loads = `${metrics.meanExpertLoad.toFixed(2)}/${metrics.worstExpertLoad.toFixed(2)}`
      const dead = metrics.deadExperts
        ? ko
          ? ` · 쉬는 전문가 ${metrics.deadExperts}`
          : ` · ${metrics.deadExperts} dead`
        : ''
      const balance = loads + dead
      const reward = metrics.measures?.reward
      const aim =
        reward === undefined
          ? `${ko ? '손실' : 'loss'} ${metrics.loss.toFixed(3)}`
          : `${ko ? '보상' : 'reward'} ${reward.toFixed(3)}`
      return ko
        ? `${metrics.step}/${totalSteps} ${aim} · ${number(metrics.tokensPerSecond)} 토큰/초 · 남은 시간 ${left} · 전문가 부하 ${balance}`
        : `${metrics.step}/${totalSteps} ${aim} · ${number(metrics.tokensPerSecond)} tok/s · ${left} left · expert load ${balance}`
    }
    case 'validation': {
      const { bitsPerByte, accuracy } = event.metrics
      const [what, values] = accuracy
        ? [ko ? '검증 정답률' : 'held out, share right', accuracy]
        : [ko ? '검증 비트/바이트' : 'held out, bits/byte', bitsPerByte]
      return `  ${what}: ${Object.entries(values)
        .map(([name, value]) => `${name} ${value.toFixed(3)}`)
        .join(', ')}`
    }
    case 'rising': {
      const list = event.rising.map(({ source, lowest, step, now }) =>
        ko
          ? `${source} ${step}단계의 ${lowest.toFixed(3)}에서 ${now.toFixed(3)}`
          : `${source} from ${lowest.toFixed(3)} at step ${step} to ${now.toFixed(3)}`,
      )
      return ko
        ? `  외우기 시작한 자료(검증 값이 오름): ${list.join(', ')}. 몫(mixture)을 줄이거나 단계를 줄이세요`
        : `  learnt by heart (held out, it rises): ${list.join(', ')}. Lower its share in the mixture, or the steps`
    }
    case 'sample': {
      const { prompt, reasoning, answer } = event.sample
      return `  「${prompt}」 → ${reasoning ? `(${reasoning}) ` : ''}${answer}`.replaceAll('\n', ' ')
    }
    case 'checkpoint':
      return `  ${ko ? '체크포인트' : 'checkpoint'} ${event.step}`
    case 'stopped':
      return ko
        ? `${event.step}단계에서 저장하고 멈췄습니다. 같은 명령으로 이어서 할 수 있습니다.`
        : `Stopped and saved at step ${event.step}. The same command goes on from here.`
    case 'finished':
      return ko ? `완성된 모델: ${event.model}` : `The model is in ${event.model}`
  }
}
