import { language, localized, type Text } from './language.ts'

/** The command line itself is wrong: exit code 2. */
export class UsageError extends Error {
  readonly code = 'usage'

  constructor(message: Text) {
    super(localized(message))
  }
}

/** Something a person can put right; the message says how. Exit code 1, without a stack trace. */
export class CommandError extends Error {
  readonly code = 'command'

  constructor(message: Text) {
    super(localized(message))
  }
}

/** What the codes of our packages' errors mean, ahead of their own words, which are English. */
const koreanKinds: Readonly<Record<string, string>> = {
  missing: '찾을 수 없습니다',
  format: '파일이 손상되었거나 형식이 다릅니다',
  shape: '텐서의 모양이 설정과 맞지 않습니다',
  config: '지원하지 않는 설정입니다',
  context: '대화가 모델이 볼 수 있는 길이를 넘습니다',
  token: '모델의 어휘에 없는 토큰입니다',
  option: '옵션의 값이 범위를 벗어났습니다',
  template: '대화 템플릿을 적용할 수 없습니다',
  file: '파일을 쓰지 못했습니다',
  recipe: '레시피에 잘못된 곳이 있습니다',
  run: '학습 폴더를 쓸 수 없습니다',
  disk: '저장하지 못했습니다',
  diverged: '학습이 발산했습니다',
  empty: '쓸 자료가 없습니다',
  memory: '메모리가 부족합니다',
  device: '이 컴퓨터에서는 쓸 수 없는 설정입니다',
  'port-in-use': '이미 쓰이고 있는 포트입니다. 그 프로그램을 끄거나 다른 포트를 골라 주세요',
  'port-not-allowed': '이 포트를 열 권한이 없습니다',
  'port-invalid': '포트 번호가 아닙니다',
  'config-invalid': '설정 파일에 잘못된 곳이 있습니다',
  'keys-required': '다른 컴퓨터에서 들어오게 하려면 키가 있어야 합니다',
  'key-exists': '같은 이름의 키가 이미 있습니다',
  'key-missing': '사용 중인 그런 키가 없습니다',
  'store-full': '디스크가 가득 찼습니다',
  'store-busy': '다른 프로그램이 기록을 쓰고 있습니다',
  'store-unreachable': '데이터베이스에 닿을 수 없습니다',
  'store-failed': '키와 사용량의 기록을 열거나 쓸 수 없습니다',
  EACCES: '권한이 없습니다',
  ENOENT: '찾을 수 없습니다',
  ENOSPC: '디스크가 가득 찼습니다',
  EADDRNOTAVAIL: '이 컴퓨터에 없는 주소입니다',
}

/**
 * An error as the person at the terminal reads it. Errors with a code speak for themselves; anything else is a mistake
 * of ours and needs its stack.
 */
export function describeError(error: unknown): string {
  if (!(error instanceof Error)) return String(error)
  if (!('code' in error) || typeof error.code !== 'string') return error.stack ?? error.message
  const kind = language() === 'ko' ? koreanKinds[error.code] : undefined
  return kind ? `${kind}. ${error.message}` : error.message
}
