import { describe, expect, test } from 'vitest'
import { boilerplateStep } from './boilerplate.ts'

const story = '정부는 오늘 새 정책을 발표했다.'

describe('what belongs to a page goes', () => {
  test.each([
    ['navigation', '로그인 | 회원가입 | 사이트맵'],
    ['navigation', '본문 바로가기'],
    ['navigation', '페이스북 트위터 카카오톡 URL 복사'],
    ['navigation', '글자 크기 가 가 인쇄 공유하기'],
    ['navigation', '홈 > 뉴스 > 사회'],
    ['navigation', '이전글 다음글 목록'],
    ['copyright', 'ⓒ 모두일보, 무단 전재 및 재배포 금지'],
    ['copyright', '<저작권자 ⓒ 모두뉴스 무단전재-재배포, AI 학습 및 활용 금지>'],
    ['copyright', 'Copyright 2024. 모두 Inc. All rights reserved.'],
    ['copyright', 'Copyright ⓒ 모두닷컴'],
    ['copyright', '본 기사의 무단 복제를 금합니다.'],
    ['copyright', '※ 저작권자 ⓒ 모두뉴스. 무단 전재-재배포 금지'],
    ['reporter', '홍길동 기자 hong@modu.co.kr'],
    ['reporter', '[모두일보=홍길동 기자 hong@modu.co.kr]'],
    ['reporter', '홍길동·김모두 기자'],
    ['promotion', '▶ 네이버에서 모두일보 구독하기'],
    ['promotion', '[관련기사] 다른 이야기'],
    ['imprint', '상호: 모두 | 대표: 김모두 | 사업자등록번호: 123-45-67890'],
    ['imprint', '등록번호 : 서울 아01234 | 발행인 : 김모두 | 편집인 : 김모두'],
    ['notice', '자바스크립트를 사용할 수 없습니다.'],
    ['notice', '이 사이트는 더 나은 이용을 위해 쿠키를 사용합니다.'],
  ])('%s: %s', (kind, line) => {
    expect(boilerplateStep(`${story}\n${line}\n\n${story}`)).toEqual({
      text: `${story}\n\n${story}`,
      found: { [kind]: 1 },
    })
    expect(boilerplateStep(line)).toEqual({ dropped: 'empty', found: { [kind]: 1 } })
  })

  test('at the beginning and the end of a line', () => {
    const line = `(서울=모두뉴스) 홍길동 기자 = ${story} 홍길동 기자 hong@modu.co.kr <저작권자(c) 모두뉴스, 무단 전재-재배포 금지>`
    expect(boilerplateStep(line)).toEqual({ text: story, found: { copyright: 1, reporter: 2 } })
  })
})

test.each([
  '좋아요.',
  '"확인했어요?" "네, 확인!"',
  '추천',
  '검색 결과를 공유하기 전에 로그인하세요.',
  '저작권자 허락 없이 무단 전재하면 처벌을 받는다고 밝혔다.',
  '법원은 기사를 무단 전재한 업체에 벌금을 물렸다.',
  '홍길동 기자는 사건을 취재했다.',
  '취재진은 홍길동 기자와 함께 현장을 찾았다.',
  '(c) 셋째 항목은 다음과 같다.',
  '국어 > 영어 > 수학 순으로 어려웠다',
  '- 앱 다운로드',
  '주소: 서울시 어딘가',
  '세션 대신 쿠키를 사용합니다.',
  '관련 기사에 따르면 사실이 아니다.',
])('%s stays', text => expect(boilerplateStep(text)).toEqual({ text, found: {} }))
