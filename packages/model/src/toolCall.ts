/* The text of a tool call in Hermes form, `{"name": "…", "arguments": {…}}`, as far as it has come. */

const string = String.raw`"(?:[^"\\\x00-\x1f]|\\(?:["\\/bfnrt]|u[\da-fA-F]{4}))*`
const integer = String.raw`-?(?:0|[1-9]\d*)`

/** A token of JSON; a number only where it is not going on. */
const token = new RegExp(
  String.raw`${string}"|${integer}(?:\.\d+)?(?:[eE][+-]?\d+)?(?![\d.eE+-])|true|false|null|[{}[\],:]`,
  'y',
)

/** What may still become a string or a number. */
const openToken = new RegExp(
  String.raw`^(?:${string}(?:\\(?:u[\da-fA-F]{0,3})?)?|-|${integer}(?:\.\d*|(?:\.\d+)?[eE][+-]?\d*))$`,
)

/** The tokens of a text, and what is left of it: the beginning of one more, or what is no JSON. */
function tokensOf(text: string): { tokens: string[]; rest: string } {
  const tokens: string[] = []
  for (let at = 0; ; at += tokens.at(-1)!.length) {
    while (' \t\n\r'.includes(text[at] ?? '.')) at++
    token.lastIndex = at
    const [found] = token.exec(text) ?? []
    if (found === undefined) return { tokens, rest: text.slice(at) }
    tokens.push(found)
  }
}

type Kind = 'string' | 'scalar' | '{' | '}' | '[' | ']' | ',' | ':'

const kindOf = (token: string): Kind =>
  token[0] === '"' ? 'string' : /[\w-]/.test(token[0]!) ? 'scalar' : (token as Kind)

const values: readonly Kind[] = ['string', 'scalar', '{', '[']

/** Which kinds of tokens may follow at the beginning of a JSON value; none if it is over, undefined if it is no JSON. */
function expectedAfter(tokens: readonly string[]): readonly Kind[] | undefined {
  const inside: ('{' | '[')[] = []
  let expected = values
  let isKey = false
  for (const kind of tokens.map(kindOf)) {
    if (!expected.includes(kind)) return undefined
    const wasKey = isKey
    isKey = false
    if (kind === '}' || kind === ']') inside.pop()
    if (kind === '{' || kind === '[') inside.push(kind)
    const container = inside.at(-1)
    if (kind === '{') {
      isKey = true
      expected = ['string', '}']
    } else if (kind === '[') expected = [...values, ']']
    else if (kind === ':') expected = values
    else if (kind === ',') {
      isKey = container === '{'
      expected = isKey ? ['string'] : values
    } else if (wasKey && kind === 'string') expected = [':']
    else expected = container === undefined ? [] : [',', container === '{' ? '}' : ']']
  }
  return expected
}

/**
 * How far the text of a call of one of the tools `names` has come: `begun` if it can still become one, `whole` if it is
 * one, `wrong` if it never will. `name` comes first, then `arguments`, an object; white space as JSON has it. Arguments are
 * not checked against the tool's schema.
 */
export function callProgress(text: string, names: readonly string[]): 'begun' | 'whole' | 'wrong' {
  const { tokens, rest } = tokensOf(text)
  const head = [['{'], ['"name"'], [':'], names.map(name => JSON.stringify(name)), [','], ['"arguments"'], [':'], ['{']]
  if (tokens.some((token, i) => i < head.length && !head[i]!.includes(token))) return 'wrong'
  const next = head[tokens.length]
  if (next) return next.some(token => token.startsWith(rest)) ? 'begun' : 'wrong'

  const given = tokens.slice(head.length - 1)
  const isWhole = given.at(-1) === '}' && expectedAfter(given.slice(0, -1))?.length === 0
  if (isWhole) return rest === '' ? 'whole' : 'wrong'
  const expected = expectedAfter(given)
  if (!expected) return 'wrong'
  if (expected.length === 0) return rest === '' ? 'begun' : 'wrong'
  if (rest === '') return 'begun'
  if (rest[0] === '"') return expected.includes('string') && openToken.test(rest) ? 'begun' : 'wrong'
  const isOpen = openToken.test(rest) || ['true', 'false', 'null'].some(word => word.startsWith(rest))
  return expected.includes('scalar') && isOpen ? 'begun' : 'wrong'
}
