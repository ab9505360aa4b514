import type { EngineReport } from '@modu/engine'
import { defineCommand } from '../command.ts'
import { localized, type Text } from '../language.ts'
import { processorFrom, processorOptions } from '../models.ts'

export const doctor = defineCommand({
  name: 'doctor',
  summary: {
    ko: '이 컴퓨터에서 무엇을 쓸 수 있고 얼마나 빠른지 살핍니다',
    en: 'see what this machine offers and how fast it is',
  },
  operands: [],
  options: {
    ...processorOptions,
    json: { help: { ko: 'JSON으로 출력합니다', en: 'print JSON' } },
  },
  notes: {
    ko: '한계: 레지스터 안에서 곱하고 더하기만 할 때의 속도. 다른 프로그램이 함께 돌면 모두 느리게 나옵니다.',
    en: 'Limit: the speed of multiply-adds in registers and nothing else. Other programs that run meanwhile slow all of it.',
  },
  async run(_, options) {
    const processor = processorFrom(options)
    const { engineReport } = await import('@modu/engine')
    const report = await engineReport(processor)
    process.stdout.write(options.json ? `${JSON.stringify(report, undefined, 2)}\n` : describe(report))
    return 0
  },
})

const labels = { avx2: 'AVX2', fma: 'FMA', bmi2: 'BMI2', avx512: 'AVX-512', vnni: 'VNNI', bf16: 'BF16' } as const

/** What stands in the way of machine code; the engine's own words, which are English, say more. */
const obstacles: Readonly<Record<NonNullable<EngineReport['obstacle']>['kind'], Text>> = {
  platform: { ko: '기계어는 리눅스 x86-64에서만 만듭니다', en: 'machine code is made on Linux x86-64 only' },
  node: { ko: 'Node에 node:ffi가 없습니다', en: 'Node is without node:ffi' },
  processor: { ko: '프로세서에 필요한 명령어가 없습니다', en: 'the processor lacks instructions' },
  system: { ko: '시스템이 허락하지 않습니다', en: 'the system does not allow it' },
}

/** One line for each finding, in the chosen language. */
function describe({ processor, features, target, obstacle, threads, limits, matmul, memory }: EngineReport): string {
  const lines: readonly Text[] = [
    { ko: `프로세서: ${processor}`, en: `processor: ${processor}` },
    ...(features ? [{ ko: `명령어: ${listed(features)}`, en: `instructions: ${listed(features)}` }] : []),
    { ko: `코드 생성: ${target}`, en: `code generator: ${target}` },
    ...(obstacle ? [noMachineCode(obstacle)] : []),
    { ko: `스레드: ${threads}`, en: `threads: ${threads}` },
    product('float32', matmul.f32, limits.f32),
    // Where pairs are not fast, factors are rounded to bfloat16 and multiplied in float32.
    features?.includes('fastBf16')
      ? product('bf16', matmul.bf16, limits.bf16)
      : roundedProduct(matmul.bf16, limits.bf16),
    { ko: `int8: 한계 ${rounded(limits.int8)} GOP/s`, en: `int8: limit ${rounded(limits.int8)} GOP/s` },
    { ko: `메모리: ${rounded(memory)} GB/s`, en: `memory: ${rounded(memory)} GB/s` },
  ]
  return `${lines.map(localized).join('\n')}\n`
}

function product(precision: string, speed: number, limit: number): Text {
  return {
    ko: `${precision}: 512×512 행렬 곱 ${rounded(speed)} GFLOP/s, 한계 ${rounded(limit)}`,
    en: `${precision}: 512×512 matrix product ${rounded(speed)} GFLOP/s, limit ${rounded(limit)}`,
  }
}

function roundedProduct(speed: number, limit: number): Text {
  return {
    ko: `bf16: 512×512 행렬 곱 ${rounded(speed)} GFLOP/s (반올림해 float32로 곱함), 점곱 명령의 한계 ${rounded(limit)}`,
    en: `bf16: 512×512 matrix product ${rounded(speed)} GFLOP/s (rounded, multiplied in float32), limit of dot products ${rounded(limit)}`,
  }
}

/** The name of what stands in the way in the reader's language, then the engine's own words. */
function noMachineCode({ kind, reason }: NonNullable<EngineReport['obstacle']>): Text {
  const { ko, en } = obstacles[kind]
  return { ko: `기계어를 쓰지 않는 까닭: ${ko} (${reason})`, en: `no machine code: ${en} (${reason})` }
}

function listed(features: NonNullable<EngineReport['features']>): string {
  const isSlow = features.includes('bf16') && !features.includes('fastBf16')
  const names = features.filter(name => name !== 'fastBf16').map(name => labels[name])
  return (
    names.join(', ') + (isSlow ? localized({ ko: ' (float32보다 빠르지 않음)', en: ' (no faster than float32)' }) : '')
  )
}

/** Three digits. */
const rounded = (speed: number): number => Number(speed.toPrecision(3))
