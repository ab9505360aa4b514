import { Document, isMap, isScalar, isSeq, type Node } from 'yaml'

/** A value of a YAML file with what a reader should know about it. */
export interface Commented {
  readonly value: object
  /** Stands before the value. */
  readonly about?: string
  /** Comments by the path of the field or element they stand before, such as `spec/replicas` or `args/0`. */
  readonly notes?: Readonly<Record<string, string>>
}

/** A YAML file of these values, `---` between them. A note whose path does not exist is an error of the caller. */
export const yamlText = (about: string, documents: readonly Commented[]): string =>
  `${commentText(about)}\n\n${documents.map(documentText).join('---\n')}`

function documentText({ value, about, notes = {} }: Commented): string {
  const document = new Document(value, { aliasDuplicateObjects: false })
  for (const [path, note] of Object.entries(notes)) nodeAt(document, path.split('/')).commentBefore = indented(note)
  const text = document.toString({ lineWidth: 0, flowCollectionPadding: false })
  return about === undefined ? text : `${commentText(about)}\n${text}`
}

/** The node that a comment before this field or element hangs on: the key of a field, the element itself. */
function nodeAt(document: Document, path: readonly string[]): Node {
  const last = path.at(-1)!
  const parent = document.getIn(path.slice(0, -1), true)
  const node = isMap(parent)
    ? parent.items.find(({ key }) => isScalar(key) && key.value === last)?.key
    : isSeq(parent)
      ? parent.items[Number(last)]
      : undefined
  if (!node) throw new RangeError(`there is nothing at ${path.join('/')} to comment on`)
  return node as Node
}

const indented = (text: string): string => text.replace(/^/gm, ' ')
export const commentText = (text: string): string => text.replace(/^/gm, '# ').replace(/ $/gm, '')
