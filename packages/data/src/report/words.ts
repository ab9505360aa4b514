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
    about: { ko: '유니코드 정규화(NFC)와 호환 글자 정리', en: 'normalisation (NFC) and compatibility forms' },
  },
  markup: {
    name: { ko: '마크업', en: 'markup' },
    about: { ko: '태그와 마크업을 걷어 냅니다', en: 'removes tags and other markup' },
  },
  boilerplate: {
    name: { ko: '상투 문구', en: 'boilerplate' },
    about: {
      ko: '메뉴, 저작권 표시처럼 본문이 아닌 줄을 걷어 냅니다',
      en: 'removes lines that are no text: menus, notices',
    },
  },
  spacing: {
    name: { ko: '빈칸과 되풀이', en: 'spacing' },
    about: { ko: '겹친 빈칸과 되풀이된 글자를 줄입니다', en: 'squeezes spaces and repeated characters' },
  },
  language: {
    name: { ko: '언어', en: 'language' },
    about: { ko: '한글이 적은 글을 뺍니다', en: 'drops texts with too little Hangul' },
  },
  quality: {
    name: { ko: '글의 질', en: 'quality' },
    about: {
      ko: '되풀이, 기호의 비율, 줄 길이로 보아 글답지 않은 것을 뺍니다',
      en: 'drops what repetition, share of symbols and length of lines show to be no prose',
    },
  },
  words: {
    name: { ko: '욕설과 성인 낱말', en: 'words' },
    about: {
      ko: '목록에 있는 욕설과 성인 낱말이 든 글을 뺍니다',
      en: 'drops texts with insults or adult words of a list',
    },
  },
  personalData: {
    name: { ko: '개인정보', en: 'personal data' },
    about: { ko: '개인정보를 종류 이름으로 가립니다', en: 'masks personal data by the name of its kind' },
  },
  contamination: {
    name: { ko: '평가 자료', en: 'evaluation sets' },
    about: {
      ko: '평가 자료와 13어절이 이어서 같은 글을 뺍니다',
      en: 'drops texts that share 13 words in a row with evaluation sets',
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
  masked: { ko: '가린 곳', en: 'pieces masked' },
  withoutText: { ko: '글이 없음', en: 'without a text' },
}

/** A reason or kind in words; one that is not known stands for itself. */
export const reasonText = (reason: string): Text => reasonWords[reason] ?? { ko: reason, en: reason }
