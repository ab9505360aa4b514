import { addTally, type Tally } from './report.ts'
import type { Outcome } from './step.ts'

const wordsOf = (list: string): string[] => list.split(' ')

/** Buttons and parts of pages, without the spaces in them. */
const controls = new Set(
  wordsOf(
    '로그인 로그아웃 회원가입 아이디찾기 비밀번호찾기 마이페이지 장바구니 주문조회 고객센터 이용약관 개인정보처리방침 개인정보취급방침 ' +
      '청소년보호정책 이메일무단수집거부 저작권정책 사이트맵 오시는길 회사소개 광고문의 제휴문의 제휴안내 기사제보 구독하기 구독신청 ' +
      '본문바로가기 메뉴바로가기 주메뉴바로가기 이전글 다음글 이전기사 다음기사 목록보기 목록으로 맨위로 더보기 전체보기 전체메뉴 ' +
      '인쇄하기 스크랩하기 글자크기 글자크게 글자작게 공유하기 퍼가기 기사공유하기 url복사 링크복사 주소복사 카카오스토리 네이버밴드 ' +
      '네이버블로그 신고하기 댓글쓰기 댓글달기 답글쓰기 홈으로 관련기사 많이본뉴스 인기기사 주요뉴스 최신뉴스',
  ),
)

/** Everyday words that are controls only beside others. */
const everydayControls = new Set(
  wordsOf(
    '구독 제보 이전 다음 목록 위로 top 메뉴 닫기 열기 검색 인쇄 프린트 스크랩 가 가가 공유 복사 페이스북 트위터 카카오톡 밴드 네이버 인스타그램 ' +
      '유튜브 텔레그램 라인 핀터레스트 facebook twitter instagram youtube kakaotalk 좋아요 싫어요 추천 비추천 신고 댓글 답글 답변 수정 ' +
      '삭제 글쓰기 등록 취소 확인 홈 home 처음으로 알림 설정 english 한국어',
  ),
)

const firstLetters = new Set([...controls, ...everydayControls].map(control => control[0]!))

/** Most lines need no closer look. */
const beginsLikeControl = (line: string): boolean =>
  firstLetters.has(/[\p{L}\p{N}]/u.exec(line)?.[0].toLowerCase() ?? '')

const notLetters = /[^\p{L}\p{N}]+/gu

/** Whether all that a line says is parts and buttons of a page: 로그인 | 회원가입, 페이스북 트위터 카카오톡. */
function isControls(line: string): boolean {
  if (!beginsLikeControl(line) || /[.!?,~]/.test(line)) return false
  const words = line.toLowerCase().split(notLetters).filter(Boolean)
  let plain = 0
  let everyday = 0
  for (let at = 0; at < words.length; ) {
    // Several words may be one button (글자 크기), so the longest that is known is taken.
    const length = [3, 2, 1].find(n => at + n <= words.length && isControl(words.slice(at, at + n).join('')))
    if (length === undefined) return false
    if (controls.has(words.slice(at, at + length).join(''))) plain++
    else everyday++
    at += length
  }
  return plain > 0 || everyday >= 3
}

const isControl = (word: string): boolean => controls.has(word) || everydayControls.has(word)

// 홈 > 뉴스 > 사회
const breadcrumbs = /^\s*(?:홈|home|메인|처음|전체|뉴스)(?:\s*[>»›]\s*[^.!?\n<>»›]{1,20}){1,8}$/i

const allRights = '(?:무단\\s?(?:전재|복제|배포)|재배포|all\\s+rights\\s+reserved|AI\\s?학습)'
const opening = '[<\\[(【※\\s-]{0,4}'
/** A line that begins with © and a name or year, or that is nothing but a reserve of rights. */
const copyrightLine = new RegExp(
  [
    `^${opening}(?:copyrights?\\s?)?(?:[ⓒ©]|(?:\\(c\\)|copyrights?)\\s?(?=(?:19|20)\\d\\d)).{0,120}$`,
    '^.{0,40}무단\\s?(?:전재|복제|배포).{0,30}(?:금지|금합니다)[\\s.)\\]>]{0,4}$',
  ].join('|'),
  'i',
)
/** © with a reserve of rights at the end of a line. */
const copyrightEnd = new RegExp(
  `${opening}(?:ⓒ|©|\\(c\\)|저작권자|copyright).{0,120}?${allRights}(?:(?!다\\.).){0,80}$`,
  'i',
)

const mail = '[\\w.+-]+@[\\w-]+(?:\\.[\\w-]+)+'
const names = '(?:[가-힣]{2,4}\\s?[·,]\\s?){0,3}[가-힣]{2,4}'
const title = '(?:선임|수석|전문|객원|인턴|수습|온라인|디지털|사진)?\\s?(?:기자|특파원|논설위원|에디터|리포터)'
/** A reporter's name (with a newspaper's before it) and mail at the end of a line: 홍길동 기자 hong@news.kr. */
const reporterEnd = new RegExp(
  `(?:^|(?<=[.!?”"'’)\\]]))[\\s/=\\[(<]{0,4}(?:[가-힣A-Za-z]{2,10}\\s?[=/·]\\s?)?${names}\\s?${title}[\\s=|/·(<\\[]{0,4}${mail}[\\s)>\\].]*$`,
)
const reporterLine = new RegExp(`^[\\s/=\\[(<▶■◆]{0,4}(?:[가-힣]{2,10}\\s?=\\s?)?${names}\\s?${title}[\\s)>\\]]{0,4}$`)
/** (서울=연합뉴스) 홍길동 기자 = … at the beginning of a report. */
const dateline = new RegExp(
  `^\\s{0,4}[(\\[【][가-힣A-Za-z·\\s]{1,20}=[가-힣A-Za-z\\d\\s]{2,15}[)\\]】]\\s{0,4}(?:${names}\\s?${title}\\s?=\\s?)?`,
)

/** Calls to subscribe or to read on: ▶ 채널 구독하기, [관련 기사] …. */
const promotion =
  /^\s*[▶▷►☞☎※■◆●].{0,60}(?:구독|바로\s?가기|제보|다운로드|클릭|보러\s?가기|채널\s?추가|팔로우|알림\s?설정)(?:하기|하세요|해\s?주세요|받기)?[\])!.~\s]*$|^\s*[[<▶☞■]?\s?(?:관련\s?기사|인기\s?기사|추천\s?기사|이\s?시각\s?주요\s?뉴스|많이\s?본\s?뉴스)\s?(?:[\]>:]|$)/

const imprintLabel =
  /(?:상호(?:명)?|대표(?:자|이사)?|발행인|편집인|발행[·\s]?편집인|인쇄인|등록\s?번호|등록\s?일자?|발행\s?일자?|청소년\s?보호\s?책임자|개인정보\s?(?:관리|보호)\s?책임자|사업자\s?등록\s?번호|통신판매업\s?신고(?:번호)?|호스팅\s?서비스(?:\s?제공자?)?|대표\s?전화|팩스|주소)\s?[:：]/g
/** Who runs the site: two labels or more on one line. */
const isImprint = (line: string): boolean => (line.match(imprintLabel)?.length ?? 0) >= 2

const notice =
  /자바\s?스크립트를?\s?(?:사용할 수 없|지원하지 않는|활성화해)|(?:이|본|저희)\s?(?:웹\s?)?(?:사이트|홈페이지)[는은]?.{0,30}쿠키/

/** Longer lines are paragraphs, of which only beginning and end can be boilerplate; looking there only bounds the time, too. */
const longestLine = 300

/** What kind of boilerplate a line is as a whole. */
function kindOfLine(line: string): string | undefined {
  if (isControls(line) || breadcrumbs.test(line)) return 'navigation'
  if (promotion.test(line)) return 'promotion'
  if (isImprint(line)) return 'imprint'
  if (notice.test(line)) return 'notice'
  if (copyrightLine.test(line)) return 'copyright'
  return reporterLine.test(line) ? 'reporter' : undefined
}

/** What is left of a line, and what kind of boilerplate the rest was. */
function withoutBoilerplate(line: string): { readonly rest: string; readonly kind?: string } {
  const whole = line.length <= longestLine ? kindOfLine(line) : undefined
  if (whole) return { rest: '', kind: whole }
  const before = line.slice(0, -longestLine)
  const end = line.slice(-longestLine)
  for (const [kind, pattern] of [
    ['copyright', copyrightEnd],
    ['reporter', reporterEnd],
  ] as const) {
    const rest = end.replace(pattern, '')
    if (rest !== end) return { rest: (before + rest).trimEnd(), kind }
  }
  const beginning = line.slice(0, longestLine)
  const rest = beginning.replace(dateline, '')
  return rest === beginning ? { rest: line } : { rest: rest + line.slice(longestLine), kind: 'reporter' }
}

/** A line without its boilerplate, which is counted in `found`; it may end in both a reporter and a copyright. */
function plainLine(line: string, found: Tally): string {
  const { rest, kind } = withoutBoilerplate(line)
  if (kind === undefined) return line
  addTally(found, { [kind]: 1 })
  return rest.trim() === '' ? '' : plainLine(rest, found)
}

/** Takes out what belongs to a page rather than to its text: navigation, copyright, reporters' mail, imprints, calls to subscribe. */
export function boilerplateStep(text: string): Outcome {
  const found: Tally = {}
  const lines = text.split('\n').flatMap(line => {
    const left = plainLine(line, found)
    return left === '' && line.trim() !== '' ? [] : [left]
  })
  const left = lines.join('\n')
  return left.trim() === '' ? { dropped: 'empty', found } : { text: left, found }
}
