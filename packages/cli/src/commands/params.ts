import type { ParamsLabels } from '@modu/model'
import { defineCommand } from '../command.ts'
import { language, localized } from '../language.ts'

const koreanLabels: ParamsLabels = {
  component: '구성',
  total: '전체',
  active: '활성',
  sum: '합계',
  names: {
    embedding: '임베딩',
    attention: '어텐션',
    denseMlp: '밀집 피드포워드',
    routedExperts: '라우팅 전문가',
    sharedExperts: '공유 전문가',
    router: '라우터',
    norms: '정규화',
    head: '출력 헤드',
    mtp: '다중 토큰 예측',
  },
}

export const params = defineCommand({
  name: 'params',
  summary: { ko: '모델의 매개변수와 크기를 셉니다', en: "count a model's parameters and bytes" },
  operands: [
    {
      name: 'CONFIG',
      help: { ko: 'config.json 또는 체크포인트 폴더', en: 'a config.json or a checkpoint folder' },
    },
  ],
  options: { json: { help: { ko: 'JSON으로 출력합니다', en: 'print JSON' } } },
  notes: {
    ko: '활성: 토큰 하나를 계산할 때 쓰이는 매개변수. 가중치를 읽지 않으므로 아무리 큰 모델도 바로 셉니다.',
    en: 'Active: parameters that take part in computing one token. No weights are read, so any size is counted at once.',
  },
  async run([path], { json }) {
    const { countParams, formatParamsTable } = await import('@modu/model')
    const count = countParams(path!)
    if (json) {
      process.stdout.write(`${JSON.stringify(count, undefined, 2)}\n`)
      return 0
    }
    const labels = language() === 'ko' ? koreanLabels : undefined
    const bytes = Object.entries(count.bytes).map(([type, size]) => `${type} ${bytesText(size)}`)
    const cache = count.cacheBytesPerToken.toLocaleString('en-US')
    process.stdout.write(
      `${count.modelType}\n\n${formatParamsTable(count, labels)}\n\n${localized({
        ko: `가중치: ${bytes.join(', ')}\n캐시: 토큰마다 ${cache} 바이트 (bf16)`,
        en: `weights: ${bytes.join(', ')}\ncache: ${cache} bytes a token (bf16)`,
      })}\n`,
    )
    return 0
  },
})

const units = ['B', 'kB', 'MB', 'GB', 'TB']

/** Bytes in the largest decimal unit, three digits: 1.04 TB. */
function bytesText(bytes: number): string {
  const unit = Math.min(units.length - 1, Math.max(0, Math.floor(Math.log10(bytes) / 3)))
  return `${Number((bytes / 1000 ** unit).toPrecision(3))} ${units[unit]}`
}
