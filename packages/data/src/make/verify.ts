/* Finding the answer in a reply. All of it is strict about the value and lenient about the words around it. */

/** The reply without its reasoning. */
export const spoken = (reply: string): string => reply.split('</think>').at(-1)!

/** Numbers in the order they stand; 1,200 and 3만 5천 count as one. A minus sign between two numbers is no sign. */
export function numbersIn(text: string): number[] {
  const number =
    /((?<![\d)] ?)-)?\d+(?:,\d{3})*(?:\.\d+)?(?:억(?: ?\d+(?:,\d{3})*(?=만))?)?(?:만(?!큼)(?: ?\d+(?:,\d{3})*)?)?천?/g
  return [...text.matchAll(number)].map(([match]) => numberOf(match))
}

/** 3만 5천 is 35000. */
function numberOf(text: string): number {
  const sign = text.startsWith('-') ? -1 : 1
  let value = 0
  for (const [, digits, units] of text.matchAll(/([\d,.]+)([억만천]*)/g)) {
    let part = Number(digits!.replaceAll(',', ''))
    for (const unit of units!) part *= unit === '억' ? 1e8 : unit === '만' ? 1e4 : 1e3
    value += part
  }
  return sign * value
}

/** The last number said is `value`. */
export const saysNumber =
  (value: number) =>
  (reply: string): boolean =>
    numbersIn(spoken(reply)).at(-1) === value

/** The last numbers said are `values`, in this order. */
export const saysNumbers =
  (values: readonly number[]) =>
  (reply: string): boolean =>
    numbersIn(spoken(reply)).slice(-values.length).join() === values.join()

/** Of all `choices` the reply names `right` last. A longer choice is not taken for a shorter one inside it. */
export const saysChoice =
  (right: string, choices: readonly string[]) =>
  (reply: string): boolean => {
    const longestFirst = [...choices].sort((a, b) => b.length - a.length)
    const pattern = new RegExp(longestFirst.map(choice => RegExp.escape(choice)).join('|'), 'g')
    return spoken(reply).match(pattern)?.at(-1) === right
  }

/** The reply names all of `items` in this order, and nothing else of them. */
export const saysOrder =
  (items: readonly string[]) =>
  (reply: string): boolean => {
    const longestFirst = [...items].sort((a, b) => b.length - a.length)
    const pattern = new RegExp(longestFirst.map(item => RegExp.escape(item)).join('|'), 'g')
    return spoken(reply).match(pattern)?.slice(-items.length).join() === items.join()
  }
