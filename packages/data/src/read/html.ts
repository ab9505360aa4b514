import { Parser } from 'htmlparser2'
import { DataError } from '../errors.ts'
import type { OnBytes, PlacedRecord } from './record.ts'
import { textChunks } from './textFile.ts'

const names = (list: string): ReadonlySet<string> => new Set(list.split(' '))

const machinery = names('script style noscript template svg math iframe object canvas audio video')
const boilerplate = names('nav aside footer form button select textarea dialog menu')
const boilerplateRoles = names('navigation banner contentinfo complementary search dialog')
const mainParts = names('main article')
const headings = names('h1 h2 h3 h4 h5 h6')
const blocks = names(
  'address article aside blockquote body dd details div dl dt fieldset figcaption figure footer form h1 h2 h3 h4 h5 h6 ' +
    'head header hr html li main nav ol p pre section summary table tbody tfoot thead title tr ul',
)

/** A page is held in memory as a whole, so it has a limit; pages made for people stay far below it. */
const longestPage = 64 * 1024 * 1024

/** An element that is open: what its text is. */
interface Open {
  readonly name: string
  readonly dropped: boolean
  readonly main: boolean
  readonly linked: boolean
  readonly verbatim: boolean
}

/** A paragraph, heading, list item or row. */
interface Block {
  readonly name: string
  readonly text: string
  readonly main: boolean
}

/** Collects the main text of a page from its tags and texts as they come. */
class Page {
  readonly blocks: Block[] = []
  title = ''
  private readonly open: Open[] = [{ name: '', dropped: false, main: false, linked: false, verbatim: false }]
  private text = ''
  private linkedCharacters = 0

  private get inner(): Open {
    return this.open.at(-1) as Open
  }

  start(name: string, attributes: Readonly<Record<string, string>>): void {
    if (blocks.has(name)) this.endBlock()
    if (name === 'br') this.text += '\n'
    if (name === 'td' || name === 'th') this.text += ' '
    const outer = this.inner
    const main = outer.main || mainParts.has(name) || attributes.role === 'main'
    const dropped =
      outer.dropped ||
      machinery.has(name) ||
      boilerplate.has(name) ||
      (name === 'header' && !main) ||
      boilerplateRoles.has(attributes.role ?? '') ||
      attributes['aria-hidden'] === 'true' ||
      attributes.hidden !== undefined
    this.open.push({
      name,
      dropped,
      main,
      linked: outer.linked || name === 'a',
      verbatim: outer.verbatim || name === 'pre',
    })
  }

  add(text: string): void {
    const { dropped, linked, verbatim } = this.inner
    if (dropped) return
    const added = verbatim ? text : text.replace(/\s+/g, ' ')
    this.text += added
    if (linked) this.linkedCharacters += added.trim().length
  }

  end(name: string): void {
    if (blocks.has(name)) this.endBlock()
    this.open.pop()
  }

  /** Keeps the block that ends, unless it is mostly links: a menu, a list of other articles. */
  private endBlock(): void {
    const { name, main, verbatim } = this.inner
    const text = verbatim
      ? this.text.trim()
      : this.text
          .replace(/ *\n */g, '\n')
          .replace(/ {2,}/g, ' ')
          .trim()
    if (name === 'title') this.title ||= text
    else if (text !== '' && (headings.has(name) || this.linkedCharacters * 2 <= text.length)) {
      this.blocks.push({ name, text, main })
    }
    this.text = ''
    this.linkedCharacters = 0
  }

  /** The text of `main` and `article` where the page has such, else of all of it; a line a block. Its first `h1` is the title. */
  record(): { text: string; title?: string } {
    const main = this.blocks.filter(block => block.main)
    const kept = main.length > 0 ? main : this.blocks
    const heading = kept.find(block => block.name === 'h1')
    const title = heading?.text ?? this.title
    const text = kept
      .filter(block => block !== heading)
      .map(block => block.text)
      .join('\n')
    return title === '' ? { text } : { text, title }
  }
}

/**
 * An HTML page as one document: its main text, without scripts, styles, navigation and other boilerplate. Errors:
 * `format` (too long a page) and those of `textChunks`.
 */
export async function* htmlRecords(path: string, onBytes: OnBytes): AsyncGenerator<PlacedRecord> {
  const page = new Page()
  const parser = new Parser({
    onopentag: (name, attributes) => page.start(name, attributes),
    ontext: text => page.add(text),
    onclosetag: name => page.end(name),
  })
  let length = 0
  for await (const chunk of textChunks(path, onBytes)) {
    length += chunk.length
    if (length > longestPage) {
      throw new DataError(
        'format',
        `${path} is too long for one page (over 64 MB): split it, or write it as .txt or .jsonl`,
      )
    }
    parser.write(chunk)
  }
  parser.end()
  yield { place: `${path}:1`, record: page.record() }
}
