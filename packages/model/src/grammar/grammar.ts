import { readFileSync } from 'node:fs'
import { createRequire, Module } from 'node:module'
import type { CompiledGrammar, GrammarCompiler, GrammarMatcher } from '@mlc-ai/web-xgrammar'
import type { Tokenizer } from '../tokenizer.ts'

/* Grammars as XGrammar (Dong et al. 2024, here in WebAssembly) matches them: at every step, which tokens may come next. */

type Library = typeof import('@mlc-ai/web-xgrammar')

let loaded: Library | undefined

/** The library is CommonJS in a package that says it is not, so `import` finds nothing in it. */
function library(): Library {
  if (loaded) return loaded
  const file = createRequire(import.meta.url).resolve('@mlc-ai/web-xgrammar')
  const module = new Module(file) as Module & { _compile(source: string, file: string): void }
  module._compile(readFileSync(file, 'utf8'), file)
  loaded = module.exports as Library
  return loaded
}

/** Compiled grammars that are kept for each vocabulary; what was used longest ago goes first. */
const mostKept = 64

const vocabularies = new WeakMap<Tokenizer, GrammarVocabulary>()

/** A vocabulary prepared for grammars, and the grammars compiled for it. */
export class GrammarVocabulary {
  readonly #tokenizer: Tokenizer
  #compiler: Promise<GrammarCompiler> | undefined
  readonly #kept = new Map<string, Promise<Compiled>>()

  private constructor(tokenizer: Tokenizer) {
    this.#tokenizer = tokenizer
  }

  /** That of a tokenizer, always the same. */
  static of(tokenizer: Tokenizer): GrammarVocabulary {
    const known = vocabularies.get(tokenizer) ?? new GrammarVocabulary(tokenizer)
    vocabularies.set(tokenizer, known)
    return known
  }

  /** Grammars that are compiled and kept. */
  get kept(): number {
    return this.#kept.size
  }

  /** A grammar by its EBNF, whose first rule is `root`; compiled unless it is still there. */
  compiled(ebnf: string): Promise<Compiled> {
    const known = this.#kept.get(ebnf)
    const grammar = known ?? this.#compile(ebnf)
    this.#kept.delete(ebnf)
    this.#kept.set(ebnf, grammar)
    if (this.#kept.size > mostKept) {
      const [oldest, forgotten] = this.#kept.entries().next().value!
      this.#kept.delete(oldest)
      forgotten.then(
        grammar => grammar.release(),
        () => {},
      )
    }
    return grammar
  }

  async #compile(ebnf: string): Promise<Compiled> {
    this.#compiler ??= this.#prepare()
    return new Compiled(await (await this.#compiler).compileGrammar(ebnf))
  }

  async #prepare(): Promise<GrammarCompiler> {
    const { GrammarCompiler, TokenizerInfo } = library()
    const tokenizer = this.#tokenizer
    // Bytes, which it takes though it declares strings. Control tokens are no text, so they have none.
    const entries = Array.from({ length: tokenizer.vocabularySize }, (_, id) =>
      tokenizer.isControl(id) ? new Uint8Array() : tokenizer.tokenBytes(id),
    ) as unknown as string[]
    const info = await TokenizerInfo.createTokenizerInfo(entries, 'raw', false, entries.length, [])
    return GrammarCompiler.createGrammarCompiler(info, false)
  }
}

/** A compiled grammar in the library's memory. */
class Compiled {
  readonly #grammar: CompiledGrammar
  #opening = 0
  #isForgotten = false

  constructor(grammar: CompiledGrammar) {
    this.#grammar = grammar
  }

  /** A matcher at the grammar's beginning. It goes on when the grammar is released. */
  async open(ends: readonly number[]): Promise<GrammarMatcher> {
    this.#opening++
    try {
      return await library().GrammarMatcher.createGrammarMatcher(this.#grammar, [...ends])
    } finally {
      this.#opening--
      this.#free()
    }
  }

  release(): void {
    this.#isForgotten = true
    this.#free()
  }

  #free(): void {
    if (this.#isForgotten && this.#opening === 0) this.#grammar.dispose()
  }
}

/** What `getNextTokenBitmask` wraps into a promise. */
interface MatcherHandle {
  GetNextTokenBitmask(vocabularySize: number): { get(index: number): number; size(): number; delete(): void }
}

/** A text of a grammar, followed token by token. To be used between `prepare` and `release`. */
export class GrammarText {
  readonly #tokenizer: Tokenizer
  readonly #ebnf: string
  readonly #ends: readonly number[]
  #matcher: GrammarMatcher | undefined

  /** `ends`: the tokens that may come once the text is whole. */
  constructor(tokenizer: Tokenizer, ebnf: string, ends: Iterable<number>) {
    this.#tokenizer = tokenizer
    this.#ebnf = ebnf
    this.#ends = [...ends]
  }

  /** Compiles the grammar, unless that has been done for another text. */
  async prepare(): Promise<void> {
    const grammar = await GrammarVocabulary.of(this.#tokenizer).compiled(this.#ebnf)
    this.#matcher = await grammar.open(this.#ends)
  }

  /** Begins anew. */
  restart(): void {
    this.#matcher?.reset()
  }

  /** Gives −∞ to the tokens that may not come next, but for those in `except`. logits: [vocabulary] or longer. */
  forbid(logits: Float32Array, except: readonly number[] = []): void {
    const kept = except.map(id => logits[id]!)
    const { handle } = this.#matcher as unknown as { handle: MatcherHandle }
    const mask = handle.GetNextTokenBitmask(this.#tokenizer.vocabularySize)
    const words = mask.size()
    for (let word = 0; word < words; word++) {
      const bits = mask.get(word)
      if (bits === -1) continue
      for (let bit = 0; bit < 32; bit++) if (((bits >>> bit) & 1) === 0) logits[word * 32 + bit] = -Infinity
    }
    mask.delete()
    for (const [i, id] of except.entries()) logits[id] = kept[i]!
  }

  /** Takes the token that came. */
  follow(token: number): void {
    this.#matcher!.acceptToken(token)
  }

  /** Gives the matcher's memory back. */
  release(): void {
    this.#matcher?.dispose()
    this.#matcher = undefined
  }
}
