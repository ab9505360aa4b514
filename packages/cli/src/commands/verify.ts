import { statSync } from 'node:fs'
import { dirname } from 'node:path'
import type { Comparison } from '@modu/model'
import { defineCommand, numberBetween, oneOf } from '../command.ts'
import { localized } from '../language.ts'
import { processorFrom, processorOptions } from '../models.ts'

export const verify = defineCommand({
  name: 'verify',
  summary: {
    ko: '공식 구현의 출력과 비교해 체크포인트를 검증합니다',
    en: 'compare a checkpoint with outputs of the official implementation',
  },
  operands: [
    { name: 'CHECKPOINT', help: { ko: '체크포인트 폴더', en: 'the checkpoint folder' } },
    {
      name: 'GOLDEN',
      optional: true,
      help: {
        ko: '정답 출력의 safetensors 파일이나 폴더 (기본: 체크포인트 폴더)',
        en: 'safetensors file or folder of golden outputs (default: the checkpoint folder)',
      },
    },
  ],
  options: {
    weights: {
      value: 'FOLDER',
      help: {
        ko: '가중치가 설정과 다른 폴더에 있을 때 그 폴더',
        en: 'folder of the weights, if they are not beside the configuration',
      },
    },
    device: { value: 'reference|cpu', help: { ko: '계산할 장치 (기본: cpu)', en: 'where to compute (default: cpu)' } },
    tolerance: {
      value: 'E',
      help: {
        ko: '허용 오차 (기본: 1e-4, 기울기는 그 열 배)',
        en: 'largest error allowed (default: 1e-4, gradients ten times that)',
      },
    },
    ...processorOptions,
    json: { help: { ko: 'JSON으로 출력합니다', en: 'print JSON' } },
  },
  notes: {
    ko: '모두 일치하면 0, 아니면 1로 끝납니다. 정답 출력의 형식: packages/model/fixtures/README.md',
    en: 'Exit code 0 if all agree, else 1. Layout of golden outputs: packages/model/fixtures/README.md',
  },
  async run([checkpoint, golden], options) {
    const tolerance = numberBetween('tolerance', options.tolerance, 0, Number.MAX_VALUE)
    const deviceName = oneOf('device', options.device, ['reference', 'cpu']) ?? 'cpu'
    const processor = processorFrom(options)
    const [{ createCpuDevice, createReferenceDevice }, { readConfig, verify }] = await Promise.all([
      import('@modu/engine'),
      import('@modu/model'),
    ])
    readConfig(checkpoint!)
    const device = deviceName === 'cpu' ? createCpuDevice(processor) : createReferenceDevice()
    try {
      const comparisons = verify({
        checkpoint: checkpoint!,
        golden: golden ?? folderOf(checkpoint!),
        weights: options.weights,
        device,
        tolerance,
      })
      const ok = comparisons.every(comparison => comparison.ok)
      if (options.json)
        process.stdout.write(
          `${JSON.stringify({ ok, device: device.name, target: device.target, comparisons }, undefined, 2)}\n`,
        )
      else process.stdout.write(report(comparisons))
      return ok ? 0 : 1
    } finally {
      await device.close()
    }
  },
})

/** A configuration file stands for the folder it lies in. */
const folderOf = (path: string): string => (statSync(path, { throwIfNoEntry: false })?.isFile() ? dirname(path) : path)

function report(comparisons: readonly Comparison[]): string {
  const width = Math.max(...comparisons.map(({ name }) => name.length))
  const lines = comparisons.map(({ name, error, tolerance, ok }) => {
    const limit = tolerance === 0 ? '0' : tolerance.toExponential(0)
    return `${ok ? '✓' : '✗'} ${name.padEnd(width)}  ${error === 0 ? '0' : error.toExponential(1)} (≤ ${limit})`
  })
  const agreed = comparisons.filter(({ ok }) => ok).length
  const sum = localized({
    ko: `${comparisons.length}개 중 ${agreed}개가 일치합니다.`,
    en: `${agreed} of ${comparisons.length} agree.`,
  })
  return `${lines.join('\n')}\n${sum}\n`
}
