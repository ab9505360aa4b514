/**
 * A grammar as a tree: EBNF text of something that stands for itself, such as `"a"` or `[0-9]{2}`; expressions one after the
 * other; one of several; one repeated (at most `most` times, any number if absent); a rule by its name.
 */
export type Expression =
  | string
  | { readonly all: readonly Expression[] }
  | { readonly any: readonly Expression[] }
  | { readonly repeat: Expression; readonly least: number; readonly most?: number }
  | { readonly rule: string }

/** EBNF of a piece of JSON as it stands. It has no control characters, whose escapes XGrammar might read in its own way. */
export const literal = (json: string): string => JSON.stringify(json)

/** The rules of a grammar, of which the first is where it begins. */
export type Rules = ReadonlyMap<string, Expression>

/** XGrammar's EBNF. Alternatives that never come to an end are left out. */
export function ebnfOf(rules: Rules): string {
  const finite = finiteRules(rules)
  return [...rules]
    .filter(([name]) => finite.has(name))
    .map(([name, body]) => `${name} ::= ${print(body, finite)}\n`)
    .join('')
}

function print(expression: Expression, finite: ReadonlySet<string>): string {
  if (typeof expression === 'string') return expression
  if ('rule' in expression) return expression.rule
  if ('all' in expression) return expression.all.map(part => print(part, finite)).join(' ')
  if ('any' in expression)
    return `(${expression.any
      .filter(part => comesToEnd(part, finite))
      .map(part => print(part, finite))
      .join(' | ')})`
  const { repeat, least, most } = expression
  if (!comesToEnd(repeat, finite)) return '""'
  return `(${print(repeat, finite)})${most === undefined && least === 0 ? '*' : `{${least},${most ?? ''}}`}`
}

/** The rules that some text fulfils. */
export function finiteRules(rules: Rules): Set<string> {
  const finite = new Set<string>()
  for (let known = -1; known < finite.size; ) {
    known = finite.size
    for (const [name, body] of rules) if (comesToEnd(body, finite)) finite.add(name)
  }
  return finite
}

function comesToEnd(expression: Expression, finite: ReadonlySet<string>): boolean {
  if (typeof expression === 'string') return true
  if ('rule' in expression) return finite.has(expression.rule)
  if ('all' in expression) return expression.all.every(part => comesToEnd(part, finite))
  if ('any' in expression) return expression.any.some(part => comesToEnd(part, finite))
  return expression.least === 0 || comesToEnd(expression.repeat, finite)
}

/** Whether a rule is its own beginning, before any text of its own: XGrammar's parser would not end. */
export function isLeftRecursive(rules: Rules): boolean {
  const begins = (expression: Expression): string[] => {
    if (typeof expression === 'string') return []
    if ('rule' in expression) return [expression.rule]
    if ('all' in expression) return expression.all.length > 0 ? begins(expression.all[0]!) : []
    return 'any' in expression ? expression.any.flatMap(begins) : begins(expression.repeat)
  }
  const done = new Set<string>()
  const within = new Set<string>()
  const visit = (name: string): boolean => {
    if (within.has(name)) return true
    if (done.has(name)) return false
    within.add(name)
    const found = begins(rules.get(name)!).some(visit)
    within.delete(name)
    done.add(name)
    return found
  }
  return [...rules.keys()].some(visit)
}
