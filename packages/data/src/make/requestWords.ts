import type { Random } from '@modu/model'
import { between, pick } from './choose.ts'

/*
 * What requests to tools are about. Everything is put together from parts, so that a model meets each thing rarely and
 * learns to copy it from the request instead of knowing it by heart.
 */

const words = (list: string): readonly string[] => list.trim().split(/\s+/)
const phrases = (list: string): readonly string[] => list.trim().split(/\s*\|\s*/)

const firstSyllables = words('민 서 지 도 하 유 준 예 수 현 은 태 재 소 동 다 나 라 주 성 시 우 연 채')
const secondSyllables = words('준 윤 우 아 은 현 호 진 연 빈 영 희 민 서 율 솔 람 원 혁 경')
const surnames = words('김 이 박 최 정 강 조 윤 장 임 한 오 서 신 권 황 안 송 유 홍 문 양 배 백 허 남')
const titles = words(
  '대리님 과장님 차장님 부장님 팀장님 실장님 이사님 선생님 사장님 원장님 교수님 반장님 주임님 기사님',
)
const relations = phrases(
  '엄마|아빠|할머니|할아버지|이모|고모|삼촌|사촌 형|사촌 누나|오빠|언니|남동생|여동생|남편|아내|장모님|시어머니|룸메이트|옆집|윗집|경비실|관리실|미용실|치과|한의원|약국|세탁소|정비소|학원|유치원|꽃집|빵집|은행|부동산|총무팀|인사팀|영업팀|고객센터|집주인|막내|조카',
)

/** Somebody who can be called or written to. */
export const contact = (random: Random): string =>
  pick(random, [
    () => pick(random, firstSyllables) + pick(random, secondSyllables),
    () => `${pick(random, surnames)} ${pick(random, titles)}`,
    () => pick(random, relations),
    () => `${pick(random, firstSyllables)}${pick(random, secondSyllables)} 씨`,
  ])()

const cities = words(
  '서울 부산 대구 인천 광주 대전 울산 세종 수원 성남 고양 용인 부천 안양 안산 파주 김포 이천 양평 가평 춘천 원주 강릉 속초 동해 삼척 태백 평창 정선 양양 홍천 청주 충주 제천 단양 천안 아산 공주 보령 서산 당진 부여 태안 전주 군산 익산 정읍 남원 무주 목포 여수 순천 나주 광양 담양 해남 완도 포항 경주 김천 안동 구미 영주 문경 울진 울릉도 창원 진주 통영 거제 김해 밀양 남해 제주 서귀포 도쿄 오사카 삿포로 베이징 파리 런던 로마 뉴욕 하노이 방콕',
)
export const city = (random: Random): string => pick(random, cities)

const weekdays = words('월요일 화요일 수요일 목요일 금요일 토요일 일요일')
/** A day by which the weather is asked for. */
export const nearDay = (random: Random): string => pick(random, words('오늘 내일 모레 주말'))
export const day = (random: Random): string =>
  pick(random, [
    () => pick(random, words('오늘 내일 모레')),
    () => pick(random, weekdays),
    () => `${pick(random, ['이번 주', '다음 주'])} ${pick(random, weekdays)}`,
    () => `${between(random, 1, 12)}월 ${between(random, 1, 28)}일`,
    () => `${between(random, 1, 12)}월 ${between(random, 1, 28)}일`,
  ])()
export const time = (random: Random): string =>
  pick(random, [
    `오전 ${between(random, 6, 11)}시`,
    `오후 ${between(random, 1, 11)}시`,
    `아침 ${between(random, 6, 9)}시`,
    `저녁 ${between(random, 5, 9)}시`,
    `${between(random, 1, 12)}시`,
  ]) + pick(random, ['', '', ' 반', ` ${between(random, 1, 11) * 5}분`])

/** Something for the calendar. */
export const event = (random: Random): string =>
  pick(random, [
    () => `${pick(random, words('치과 안과 내과 피부과 미용실 네일 세차 사진관 자동차 병원 마사지 상담'))} 예약`,
    () =>
      `${pick(random, words('팀 부서 전체 주간 월간 기획 예산 디자인 영업 마케팅 개발 품질 안전 협력사'))} ${pick(random, words('회의 미팅 워크숍 발표 점검'))}`,
    () =>
      `${pick(random, words('영어 일본어 수영 피아노 기타 요가 필라테스 테니스 골프 미술 수학 태권도 댄스'))} ${pick(random, words('수업 레슨 강습 시험'))}`,
    () =>
      `${pick(random, words('친구 가족 동창 회사 동호회 고등학교 대학 학부모'))} ${pick(random, words('모임 저녁 식사 송년회 소풍'))}`,
    () => `${contact(random)} ${pick(random, words('생일 결혼식 돌잔치 집들이 병문안 면담'))}`,
    () => pick(random, words('건강검진 이사 면접 여권신청 김장 벌초 등산 캠핑 마라톤 연주회 정기점검 재고조사')),
  ])()

const objects = words(
  '우유 달걀 약 우산 여권 도시락 서류 영수증 택배 선물 충전기 이불 화분 쓰레기 책 교복 운동화 체육복 준비물 회비 케이크 꽃다발 비타민 사료 열쇠 지갑 안경 모자 장갑 수건 물병 카메라 악보 명함 계약서 보고서 견적서 설명서 신분증 통장 기차표 상품권 쿠폰 과일 생수 휴지 세제 건전지 전구 테이프 풀 가위 색연필 공책 간식 고구마 빨래 커튼 베개 텐트 돗자리 자전거',
)
/** A thing of everyday life. */
export const object = (random: Random): string => pick(random, objects)

/** Something to be done, as a note (우유 사기) and as one says it to others (우유 사라고). */
export function chore(random: Random): { readonly note: string; readonly told: string } {
  const [stem, told] = pick(random, [
    ['사', '사라고'],
    ['챙기', '챙기라고'],
    ['확인하', '확인하라고'],
    ['주문하', '주문하라고'],
    ['돌려주', '돌려주라고'],
    ['찾', '찾으라고'],
    ['보내', '보내라고'],
    ['꺼내', '꺼내라고'],
    ['버리', '버리라고'],
    ['정리하', '정리하라고'],
    ['가져가', '가져가라고'],
    ['빌리', '빌리라고'],
    ['닦', '닦으라고'],
  ] as const)
  const what = object(random)
  return { note: `${what} ${stem}기`, told: `${what} ${told}` }
}

/** A message, as one tells others to pass it on (늦는다고) and as it reads itself (늦어요.). */
export function message(random: Random): { readonly told: string; readonly text: string } {
  const [told, text] = pick(random, [
    () => ['조금 늦는다고', '조금 늦어요.'],
    () => same(`${between(random, 1, 11) * 5}분`, ' 늦는다고', ' 늦어요.'),
    () => ['먼저 출발한다고', '먼저 출발해요.'],
    () => ['잘 도착했다고', '잘 도착했어요.'],
    () => ['회의가 취소됐다고', '회의가 취소됐어요.'],
    () => ['오늘은 못 간다고', '오늘은 못 가요.'],
    () => ['전화 좀 달라고', '전화 좀 주세요.'],
    () => same(time(random), '에 도착한다고', '에 도착해요.'),
    () => same(time(random), '에 만나자고', '에 만나요.'),
    () => same(`${city(random)}에서`, ' 보자고', ' 봐요.'),
    () => same(object(random), ' 샀다고', ' 샀어요.'),
    () => same(object(random), ' 잘 받았다고', ' 잘 받았어요. 고마워요.'),
    () => same(object(random), ' 챙겨 달라고', ' 챙겨 주세요.'),
    () => same(object(random), ' 가져오라고', ' 가져오세요.'),
    () => same(`${day(random)} ${event(random)}`, ' 잊지 말라고', ' 잊지 마세요.'),
    () => same(event(random), ' 날짜가 바뀌었다고', ' 날짜가 바뀌었어요.'),
  ])() as [string, string]
  return { told, text }
}

const same = (head: string, told: string, text: string): [string, string] => [head + told, head + text]

const shortPhrases = phrases(
  '안녕하세요|만나서 반가워요|화장실이 어디예요?|이거 얼마예요?|생일 축하해요|길을 잃었어요|정말 고마워요|물 한 잔 주세요|내일 다시 올게요|도와주세요|오늘 날씨가 좋네요|자리 있어요?|감기 조심하세요|잘 부탁드립니다|천천히 말해 주세요|계산해 주세요|맛있게 드세요|사진 찍어도 돼요?|몇 시에 문을 닫아요?|문을 잠가 주세요|신발을 벗어 주세요',
)
/** A whole sentence to be copied word by word. */
export const sentence = (random: Random): string =>
  pick(random, [
    () => pick(random, shortPhrases),
    () => message(random).text,
    () => `${object(random)} 어디 있어요?`,
    () => `${city(random)}까지 얼마나 걸려요?`,
    () => `${object(random)}하고 ${object(random)} 있어요?`,
    () => `${day(random)} ${time(random)}에 갈게요.`,
  ])()

const rooms = phrases('거실|침실|안방|주방|욕실|서재|현관|베란다|복도|아이 방|다용도실|차고|작업실|다락')
/** Something at home that is switched on and off. */
export const device = (random: Random): string =>
  pick(random, [
    () => `${pick(random, rooms)} ${pick(random, words('불 등 조명 에어컨 선풍기 스탠드 보일러 스피커'))}`,
    () =>
      pick(
        random,
        phrases(
          '에어컨|선풍기|공기청정기|텔레비전|보일러|가습기|제습기|로봇 청소기|전기장판|무드등|라디오|세탁기|건조기|식기세척기|커피머신|전기난로|온수 매트|서큘레이터|오디오|안마 의자|환풍기|어항 조명',
        ),
      ),
  ])()
/** Something with a loudness or a strength. */
export const adjustable = (random: Random): string =>
  pick(random, phrases('텔레비전 소리|라디오 소리|스피커 소리|음악 소리|조명 밝기|스탠드 밝기|선풍기 바람|에어컨 바람'))

/** Something to look for on the web. */
export const webTopic = (random: Random): string =>
  pick(random, [
    () => `${city(random)} ${pick(random, words('맛집 박물관 축제 숙소 캠핑장 수목원 해수욕장 전시회 벚꽃 야시장'))}`,
    () =>
      `${object(random)} ${pick(random, phrases('가격|고르는 법|추천|중고 시세|보관 방법|만드는 법|수리 방법|재활용 방법'))}`,
    () =>
      `${pick(random, phrases('요즘 인기 있는|올해 새로 나온|초보자용|아이가 좋아하는|평이 좋은'))} ${object(random)}`,
    () =>
      pick(
        random,
        phrases(
          '운전면허 갱신 준비물|여권 발급 기간|오늘 프로야구 결과|지하철 첫차 시간|환율|개기월식 시간|전세 계약 서류|연말정산 기간|요즘 상영 영화|고속도로 교통 상황',
        ),
      ),
  ])()

/** Something that stands in a company's documents. */
export const documentTopic = (random: Random): string =>
  `${pick(random, phrases('연차|출장비|법인카드|회의실|재택근무|경조사|건강검진|보안 교육|사무용품|주차장|사내 동호회|성과급|휴게실|노트북|명함|야근 식대|육아휴직|사내 와이파이|복지 포인트|신입 교육'))} ${pick(random, phrases('신청 방법|규정|기한|한도|양식|담당자|이용 수칙|예약 방법|지급일|자료'))}`

/** A machine of a factory. */
export const machine = (random: Random): string =>
  pick(random, [`${between(random, 1, 12)}호 `, `${between(random, 1, 12)}번 `, `${between(random, 1, 4)}층 `, '']) +
  pick(
    random,
    phrases(
      '압축기|펌프|발전기|절단기|포장기|프레스|건조기|보일러|컨베이어|로봇 팔|냉동 창고|송풍기|사출기|용접기|지게차|승강기|공조기|혼합기|오븐|연마기',
    ),
  )
