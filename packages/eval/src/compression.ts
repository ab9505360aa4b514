import { spawnSync } from 'node:child_process'
import { brotliCompressSync, constants } from 'node:zlib'
import { utf8Length } from './likelihood.ts'
import type { Baseline } from './result.ts'

/**
 * Bits per byte that compressors need for all the texts, one behind the other: brotli at its best setting, and `xz -9`
 * where the machine has it.
 */
export function compressionBaselines(texts: readonly string[]): Baseline[] {
  const input = Buffer.from(texts.join('\n'))
  const bytes = texts.reduce((sum, text) => sum + utf8Length(text), 0)
  const baseline = (name: string, size: number): Baseline => ({ name, value: (8 * size) / bytes })
  const brotli = brotliCompressSync(input, {
    params: {
      [constants.BROTLI_PARAM_LGWIN]: constants.BROTLI_MAX_WINDOW_BITS,
      [constants.BROTLI_PARAM_SIZE_HINT]: input.length,
    },
  })
  const xz = spawnSync('xz', ['-9', '--stdout'], { input, maxBuffer: input.length + 65536 })
  return [...(xz.status === 0 ? [baseline('xz', xz.stdout.length)] : []), baseline('brotli', brotli.length)]
}
