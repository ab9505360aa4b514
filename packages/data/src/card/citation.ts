import type { DataCard } from './dataCard.ts'

/** A date as the version: the data has no other, and later ones sort behind it. */
export const versionOf = ({ date }: DataCard): string =>
  `${date.getUTCFullYear()}.${date.getUTCMonth() + 1}.${date.getUTCDate()}`

export const dateOf = ({ date }: DataCard): string => date.toISOString().slice(0, 10)

/** A BibTeX entry. */
export function citation({ name, creators, url, date }: DataCard): string {
  const fields = [
    `title = {${name}}`,
    ...(creators.length > 0 ? [`author = {${creators.map(creator => `{${creator}}`).join(' and ')}}`] : []),
    `year = {${date.getUTCFullYear()}}`,
    ...(url === undefined ? [] : [`url = {${url}}`]),
  ]
  return `@misc{${name.replace(/[^A-Za-z0-9]+/g, '-').replace(/^-|-$/g, '') || 'dataset'},\n  ${fields.join(',\n  ')}\n}`
}
