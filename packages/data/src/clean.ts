import { lettersByScript, sumOfLetters } from './steps/letters.ts'

/** The steps that turn collected text into plain Korean prose. Each is a pure function from text to text. */

const namedEntities: Readonly<Record<string, string>> = {
  amp: '&',
  lt: '<',
  gt: '>',
  quot: '"',
  apos: "'",
  nbsp: ' ',
  hellip: '…',
  middot: '·',
  ndash: '–',
  mdash: '—',
  lsquo: '‘',
  rsquo: '’',
  ldquo: '“',
  rdquo: '”',
  copy: '©',
  times: '×',
}

/** Unicode NFC (Hangul in whole syllables), `\n` line ends, no control or zero-width characters. */
export function normalise(text: string): string {
  return text
    .normalize('NFC')
    .replace(/\r\n?/g, '\n')
    .replace(/[\u0000-\u0008\u000b-\u001f\u007f-\u009f\u200b-\u200f\u2028-\u202e\u2060-\u2064\ufeff\ufffd]/g, '')
}

/** Single spaces, no space at line ends, at most one empty line in a row. */
export function squeezeSpaces(text: string): string {
  return text
    .replace(/[ \t\u00a0\u3000]+/g, ' ')
    .replace(/ ?\n ?/g, '\n')
    .replace(/\n{3,}/g, '\n\n')
    .trim()
}

/** A character that repeats four times or more (ㅋㅋㅋㅋㅋ, !!!!!!) stays three times. Digits and line ends keep theirs. */
export function squeezeRepeats(text: string): string {
  return text.replace(/([^\d\s])\1{3,}/gu, '$1$1$1')
}

/**
 * Fenced blocks of code, with their fences. An unclosed fence takes the rest. Behind a fence of tildes only a language may
 * stand, for Korean lines begin with ~~~ too.
 */
export function stripCode(text: string): string {
  return text.replace(
    /^[ \t]*(`{3,}(?!`)|~{3,}(?=[ \t]*[\w+#.-]*[ \t]*\n))[^\n]*\n[\s\S]*?(?:^[ \t]*\1[^\n]*$|$(?![\s\S]))/gm,
    '',
  )
}

// Collected text has everything in it, also a hundred thousand brackets in a row, so no pattern may take time that grows
// with more than the length of the text: what it skips over is bounded, or cannot begin a match itself.

/**
 * Takes out what stands from each opening mark to the next closing one, both included. One pattern with a lazy middle
 * would look for the end again and again where nothing closes.
 */
function withoutBlocks(text: string, opening: RegExp, closing: RegExp): string {
  let kept = ''
  let from = 0
  for (;;) {
    opening.lastIndex = from
    const start = opening.exec(text)?.index
    closing.lastIndex = opening.lastIndex
    if (start === undefined || !closing.test(text)) return kept + text.slice(from)
    kept += text.slice(from, start)
    from = closing.lastIndex
  }
}

const withoutElement = (text: string, name: string): string =>
  withoutBlocks(text, new RegExp(`<${name}\\b`, 'gi'), new RegExp(`</${name}\\s*>`, 'gi'))

/** Comments, scripts and styles, tags; then entities as their characters. */
export function stripHtml(text: string): string {
  return ['script', 'style', 'svg', 'table']
    .reduce(withoutElement, text.replace(/<!--[\s\S]*?(?:-->|$)/g, ''))
    .replace(/<(?:br|\/p|\/div|\/li|\/h[1-6])\s*\/?>/gi, '\n')
    .replace(/<\/?[A-Za-z][A-Za-z0-9-]*(?:\s[^<>]*)?\/?>/g, '')
    .replace(/&(?:#(\d+)|#x([\da-f]+)|([a-z]+));/gi, (whole, decimal, hex, name) => {
      const code = decimal ? Number(decimal) : hex ? Number.parseInt(hex, 16) : undefined
      if (code !== undefined) return code > 31 && code < 0x110000 ? String.fromCodePoint(code) : ''
      return namedEntities[name.toLowerCase()] ?? whole
    })
}

/**
 * Front matter, headings, emphasis, inline code, tables, images and links (their text stays) of Markdown. Stars that hide
 * a name (김**, ****) or make a face (*^^*) stay.
 */
export function stripMarkdown(text: string): string {
  return text
    .replace(/^---\n[\s\S]*?\n---\n/, '')
    .replace(/^[ \t]*:::.*$/gm, '')
    .replace(/^[ \t]*\[[^\]\n]+\]:\s*\S.*$/gm, '')
    .replace(/!\[[^\]\n]{0,500}\]\([^)\n]{0,2000}\)/g, '')
    .replace(/\[([^\][\n]*)\](?:\([^)\n]{0,2000}\)|\[[^\]\n]{0,500}\])/g, '$1')
    .replace(/^[ \t]{0,3}#{1,6}[ \t]+([^\n]{0,500}?)[ \t#]{0,20}$/gm, '$1')
    .replace(/[ \t]?(?<![\\{])\{#[^}\n]{0,200}\}/g, '')
    .replace(/[ \t]?\{\/\*.{0,1000}?\*\/\}/g, '')
    .replace(/^[ \t]*\|.*\|[ \t]*$/gm, '')
    .replace(/^[ \t]*>[ \t]?/gm, '')
    .replace(/^[ \t]*(?:[-*_][ \t]*){3,}$/gm, '')
    .replace(/^([ \t]*)[*+-][ \t]+/gm, '$1')
    .replace(/(?<!\*)\*{3}(?=[^\s*])([^*\n]{1,500})\*(?!\*)/g, '**$1')
    .replace(/(?<!\*)\*{3}(?=[^\s*])([^*\n]{1,500})(?<=\S)\*{3}(?!\*)/g, '$1')
    .replace(/(?<!\*)\*\*(?=[^\s*])([^\n]{0,500}?[^\s*])\*\*(?!\*)/g, '$1')
    .replace(/__(?=\S)([^\n]{0,500}?\S)__/g, '$1')
    .replace(/(?<![\w*])\*(?=\S)([^*\n]{1,500})(?<=\S)\*(?![\w*])/g, (whole, inner: string) =>
      /[\p{L}\p{N}]/u.test(inner) ? inner : whole,
    )
    .replace(/`([^`\n]*)`/g, '$1')
}

/** Directives (with their bodies where those are code or pictures), roles, literals, underlines and links of reStructuredText. */
export function stripRst(text: string): string {
  return (
    text
      .replace(/^\.\. _[^\n]*:.*$/gm, '')
      .replace(
        /^([ \t]*)\.\. (?:\|[^|\n]+\| )?(?:code|code-block|parsed-literal|literalinclude|image|figure|raw|math|toctree|include|only|grid|list-table|customcarditem|customcalloutitem|galleryitem)::[^\n]*\n(?:(?:\1[ \t]+[^\n]*)?\n)*/gm,
        '',
      )
      .replace(/^[ \t]*\.\. [\w:-]+::[ \t]*(.*)\n(?:[ \t]+:[\w-]+:.*\n)*/gm, '$1\n')
      // Korean sentences begin with dots, too (.. 글쎄), comments and targets with a sign or an English word.
      .replace(/^[ \t]*\.\. (?=[!-~]).*$/gm, '')
      .replace(/:[a-z:]{1,40}:`([^`<\n]{0,500}?)[ ~]{0,4}(?:<[^>`\n]*>)?`/g, '$1')
      .replace(/`([^`<\n]{1,500}?)\s{0,4}<[^>`]*>`__?/g, '$1')
      .replace(/``([^`\n]*)``/g, '$1')
      .replace(/^[=\-~^"'#*+_]{4,}[ \t]*$/gm, '')
      .replace(/\|edit\|/g, '')
  )
}

/** Templates, tables, files, links (their text stays), references and bold/italic marks left over from a wiki. */
export function stripWiki(text: string): string {
  const plain = withoutBlocks(text, /\{\|/g, /\|\}/g).replace(/<ref\b[^<>]*\/>/gi, '')
  return withoutElement(plain, 'ref')
    .replace(/\{\{[^{}]*\}\}/g, '')
    .replace(/\[\[(?:파일|그림|File|Image|분류|Category):[^\]]{0,1000}\]\]/gi, '')
    .replace(/\[\[(?:[^[\]|]*\|)?([^[\]|]*)\]\]/g, '$1')
    .replace(/\[https?:\/\/\S{1,2000} ([^\]\n]{0,500})\]/g, '$1')
    .replace(/^[ \t]{0,8}(={2,6})(?!=)[ \t]{0,8}([^\n]{1,200}?)[ \t]{0,8}\1[ \t]*$/gm, '$2')
    .replace(/'''?/g, '')
}

/** Web addresses, with the brackets around them. */
export function stripWebAddresses(text: string): string {
  return text.replace(/[<([]?\b(?:https?:\/\/|www\.)[^\s<>()[\]"'가-힣]+[>)\]]?/gi, '')
}

/** Web and mail addresses, with the brackets around them. */
export function stripUrls(text: string): string {
  return stripWebAddresses(text).replace(/(?<![\w.+-])<?[\w.+-]+@[\w-]+(?:\.[\w-]+)+>?/g, '')
}

/** The part of a text's letters that are Hangul syllables, 0 to 1; 0 where there are no letters. */
export function hangulShare(text: string): number {
  const letters = lettersByScript(text)
  const all = sumOfLetters(letters)
  return all === 0 ? 0 : letters.hangul / all
}

/** Drops lines that are mostly not Korean (code, English notes), which documentation mixes with its prose. */
export function dropForeignLines(text: string): string {
  const keep = (line: string) => {
    const letters = lettersByScript(line)
    const all = sumOfLetters(letters)
    return all < 4 || letters.hangul >= 0.4 * all
  }
  return text.split('\n').filter(keep).join('\n')
}

/** All markup out, in the order in which one notation can hide in another. */
export function stripMarkup(text: string): string {
  return [stripCode, stripRst, stripWiki, stripMarkdown, stripHtml, stripUrls].reduce((t, step) => step(t), text)
}

/** Collected text as plain prose: normal form, no markup, no foreign lines, no runs of repeated characters or spaces. */
export function cleanText(text: string): string {
  return squeezeSpaces(squeezeRepeats(dropForeignLines(stripMarkup(normalise(text)))))
}

// Word stems that mark a review, a line or two of text, as abuse. Documents at large are judged by steps/words.ts.
const insults =
  /씨[발팔빨벌]|시[발팔벌](?!점)|ㅅㅂ|ㅆㅂ|병신|븅신|ㅂㅅ|좆|존나|졸라|개[새세]끼|새끼|지랄|염병|미친[놈년새]|쓰레기|찌질|닥쳐|꺼져|돼지년|걸레|빨갱이|일베|홍어|한남|김치녀|틀딱|급식충|벌레/

/** Whether a text holds common Korean insults. */
export const isInsulting = (text: string): boolean => insults.test(text)
