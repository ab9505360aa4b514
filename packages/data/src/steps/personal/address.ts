import { district, province } from './districts.ts'
import type { Rule } from './rule.ts'

const region = `(?:${province} ?${district}|${province}|${district})(?: ${district})?(?: [가-힣\\d]{1,8}[읍면동])?`
// 로 is also a particle (앞으로 3명, 실제로 2번): adverbs are no roads, and a counted thing is no house number.
const road =
  '(?![가-힣]*(?:으로|대로는) )(?:\\d[\\d.·]{0,4})?[가-힣][가-힣\\d.·]{0,11}?(?:로|길)(?: ?\\d{1,4}(?:번|[가-하])?길)?'
const counted =
  '(?![\\d:.]|,\\d|\\s?(?:가|개|명|년|월|일|시간|분|초|원|만|천|억|위|차|회|배|살|세|%|퍼센트|킬로|미터|㎞|km|m\\b|대|인|곳|주|번(?!지|길)))'
const building = '(?:\\s?,?\\s?\\([^)\\n]{1,25}\\))?'
const unit =
  '(?:,?\\s[가-힣A-Za-z\\d]{1,15}(?:아파트|빌라|빌딩|오피스텔|타워|맨션|주택))?(?:,?\\s?(?:제?\\d{1,4}|[가-하A-Z])동)?(?:,?\\s?(?:지하\\s?)?\\d{1,3}층)?(?:,?\\s?(?:제?\\d{1,4}|[A-Z]\\d{1,4})호)?'
const roadAddress = `(?:${region} |(?<=주소\\s?[:은는가]?\\s{0,2}))${road} ?(?:지하 ?)?\\d{1,5}(?:-\\d{1,4})?(?:번지)?`
const lot = '(?:산 ?)?(?:\\d{1,4}-\\d{1,4}(?:번지)?|\\d{1,4} ?번지|\\d{1,4}(?!\\d|\\s?[가-힣]|[.,]\\d))'
const lotAddress = `${region} [가-힣\\d]{1,8}(?:동|리|가) ${lot}`

/** Street addresses, by road (도로명) or by lot (지번), with their house number and what follows it down to the door. */
export const address: Rule = {
  pattern: new RegExp(`(?<![가-힣])(?:${roadAddress}|${lotAddress})${counted}${building}${unit}`, 'g'),
  kind: () => '주소',
}
