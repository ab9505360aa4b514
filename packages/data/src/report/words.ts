import type { StepName } from './dataReport.ts'
import type { Text } from './html.ts'

/* What people read about the steps of cleaning, on the page and on the data card. */

interface StepWords {
  readonly name: Text
  readonly about: Text
}

export const stepWords: Readonly<Record<StepName, StepWords>> = {
  format: {
    name: { ko: '형식', en: 'format' },
    about: {
      ko: '읽을 수 없거나 필요한 칸이 없는 레코드를 뺍니다',
      en: 'drops records that cannot be read or lack a field',
    },
  },
  length: {
    name: { ko: '길이', en: 'length' },
    about: { ko: '너무 짧은 글을 뺍니다', en: 'drops texts that are too short' },
  },
  unicode: {
    name: { ko: '유니코드', en: 'Unicode' },
    about: {
      ko: '유니코드를 정규화(NFC)하고 모양만 다른 호환 글자를 바꿉니다',
      en: 'normalises (NFC) and replaces compatibility forms',
    },
  },
  markup: {
    name: { ko: '마크업', en: 'markup' },
    about: { ko: '코드, 마크업, 웹 주소를 걷어 냅니다', en: 'takes out code, markup and web addresses' },
  },
  boilerplate: {
    name: { ko: '상투 문구', en: 'boilerplate' },
    about: {
      ko: '메뉴, 저작권 표시, 발행 정보처럼 본문이 아닌 것을 걷어 냅니다',
      en: 'takes out what is no part of the text: menus, copyright lines, imprints',
    },
  },
  spacing: {
    name: { ko: '빈칸과 되풀이', en: 'spacing' },
    about: { ko: '겹친 빈칸과 되풀이된 글자를 줄입니다', en: 'squeezes spaces and repeated characters' },
  },
  language: {
    name: { ko: '언어', en: 'language' },
    about: {
      ko: '외국어 줄을 걷어 내고, 한글이 적은 글을 뺍니다',
      en: 'takes out foreign lines, drops texts with too little Hangul',
    },
  },
  quality: {
    name: { ko: '글의 질', en: 'quality' },
    about: {
      ko: '짧거나, 되풀이되거나, 기호가 많거나, 낱말이나 줄이 지나치게 긴 글을 뺍니다',
      en: 'drops what is short, repeats itself, is mostly symbols, or has words or lines of impossible length',
    },
  },
  words: {
    name: { ko: '나쁜 말', en: 'words' },
    about: {
      ko: '목록에 있는 욕설, 혐오, 음란, 광고 낱말로 보아 나쁜 글을 뺍니다',
      en: 'drops texts with insults, slurs, pornography or spam, by lists of words',
    },
  },
  personalData: {
    name: { ko: '개인정보', en: 'personal data' },
    about: { ko: '개인정보를 종류 이름으로 가립니다', en: 'masks personal data by the name of its kind' },
  },
  contamination: {
    name: { ko: '평가 자료', en: 'evaluation sets' },
    about: {
      ko: '평가 자료와 낱말 13개가 이어서 같거나 그 문장이 통째로 든 글을 뺍니다',
      en: 'drops texts that share 13 words in a row, or a whole sentence, with evaluation sets',
    },
  },
  exactDuplicates: {
    name: { ko: '같은 글', en: 'exact duplicates' },
    about: { ko: '똑같은 글은 먼저 나온 것만 남깁니다', en: 'of equal texts the first stays' },
  },
  nearDuplicates: {
    name: { ko: '비슷한 글', en: 'near duplicates' },
    about: {
      ko: '거의 같은 글은 먼저 나온 것만 남깁니다 (MinHash)',
      en: 'of nearly equal texts the first stays (MinHash)',
    },
  },
}

const reasonWords: Readonly<Record<string, Text>> = {
  corrupt: { ko: '읽을 수 없음', en: 'unreadable' },
  withoutText: { ko: '글이 없음', en: 'without a text' },
  주민등록번호: { ko: '주민등록번호', en: 'resident registration numbers' },
  외국인등록번호: { ko: '외국인등록번호', en: 'alien registration numbers' },
  카드번호: { ko: '카드번호', en: 'card numbers' },
  계좌번호: { ko: '계좌번호', en: 'account numbers' },
  전화번호: { ko: '전화번호', en: 'telephone numbers' },
  여권번호: { ko: '여권번호', en: 'passport numbers' },
  이메일: { ko: '이메일', en: 'e-mail addresses' },
  주소: { ko: '주소', en: 'postal addresses' },
  masked: { ko: '가린 곳', en: 'pieces masked' },
  empty: { ko: '남은 글이 없음', en: 'nothing left' },
  compatibility: { ko: '호환 글자', en: 'compatibility forms' },
  invisible: { ko: '보이지 않는 글자', en: 'invisible characters' },
  composed: { ko: '풀어쓴 글자', en: 'decomposed characters' },
  jamo: { ko: '낱자모', en: 'lone jamo' },
  webAddresses: { ko: '웹 주소', en: 'web addresses' },
  markdown: { ko: '마크다운', en: 'Markdown' },
  html: { ko: 'HTML', en: 'HTML' },
  wiki: { ko: '위키', en: 'wiki' },
  code: { ko: '코드', en: 'code' },
  restructuredText: { ko: 'reStructuredText', en: 'reStructuredText' },
  navigation: { ko: '메뉴', en: 'navigation' },
  promotion: { ko: '구독·홍보 문구', en: 'promotion' },
  imprint: { ko: '발행 정보', en: 'imprint' },
  notice: { ko: '알림 문구', en: 'notices' },
  copyright: { ko: '저작권 표시', en: 'copyright lines' },
  reporter: { ko: '기자 이름과 메일', en: "reporters' names and mail" },
  spaces: { ko: '겹친 빈칸', en: 'spaces' },
  repeats: { ko: '되풀이된 글자', en: 'repeated characters' },
  hangul: { ko: '한글', en: 'Hangul' },
  latin: { ko: '로마자', en: 'Latin' },
  han: { ko: '한자', en: 'Han' },
  kana: { ko: '가나', en: 'kana' },
  cyrillic: { ko: '키릴 문자', en: 'Cyrillic' },
  other: { ko: '다른 글자', en: 'other letters' },
  foreignLines: { ko: '외국어 줄', en: 'foreign lines' },
  noLetters: { ko: '글자가 없음', en: 'no letters' },
  foreign: { ko: '한글이 적음', en: 'little Hangul' },
  insulting: { ko: '욕설', en: 'insults' },
  contaminated: { ko: '평가 자료와 같음', en: 'like an evaluation set' },
  duplicate: { ko: '똑같은 글', en: 'equal' },
  short: { ko: '너무 짧음', en: 'too short' },
  symbols: { ko: '기호가 많음', en: 'many symbols' },
  longWords: { ko: '낱말이 너무 긺', en: 'words too long' },
  longLine: { ko: '줄이 너무 긺', en: 'a line too long' },
  repeatedLines: { ko: '되풀이된 줄', en: 'repeated lines' },
  repeatedWords: { ko: '되풀이된 말', en: 'repeated words' },
  insult: { ko: '욕설', en: 'insults' },
  hate: { ko: '혐오 표현', en: 'slurs' },
  adult: { ko: '음란한 말', en: 'pornography' },
  spam: { ko: '광고', en: 'spam' },
  evaluation: { ko: '평가 자료와 같음', en: 'like an evaluation set' },
  same: { ko: '똑같은 글', en: 'equal' },
  similar: { ko: '거의 같은 글', en: 'nearly equal' },
}

/** A reason or kind in words; one that is not known stands for itself. */
export const reasonText = (reason: string): Text => reasonWords[reason] ?? { ko: reason, en: reason }
