/** Something people read, in both languages. */
export interface Text {
  readonly ko: string
  readonly en: string
}

export type Language = keyof Text

/** Text as it may stand in HTML, SVG and their attributes. */
export const escapeXml = (text: string): string => text.replace(/[&<>"]/g, char => `&#${char.charCodeAt(0)};`)

const style = `
:root { color-scheme: light dark; --ink: light-dark(#1e293b, #e2e8f0); --soft: light-dark(#64748b, #94a3b8);
  --line: light-dark(#e2e8f0, #334155); --bar: light-dark(#2563eb, #60a5fa); --other: light-dark(#cbd5e1, #475569) }
body { max-width: 60rem; margin: 2rem auto; padding: 0 1rem; color: var(--ink); background: light-dark(#fff, #0f172a);
  font: 1rem/1.6 "Noto Sans KR", "Noto Sans CJK KR", system-ui, sans-serif; word-break: keep-all; overflow-wrap: anywhere }
p, small { color: var(--soft) } svg { width: 100%; height: auto }
svg text { font-size: 13px; fill: var(--ink) } svg .soft { fill: var(--soft) }
.axis { stroke: var(--line) }`

/** A page that needs nothing else: no network, light and dark as the reader's system is. `title` is plain text. */
export function htmlPage(page: { language: Language; title: string; style: string; body: readonly string[] }): string {
  return [
    `<!doctype html><html lang="${page.language}"><head><meta charset="utf-8">`,
    '<meta name="viewport" content="width=device-width">',
    `<title>${escapeXml(page.title)}</title><style>${style}${page.style}</style></head><body>`,
    ...page.body,
    '</body></html>\n',
  ].join('\n')
}

/** Both languages of a text, of which `languageStyle` shows the one that the reader has chosen. */
export const both = ({ ko, en }: Text, tag: 'span' | 'tspan' = 'span'): string =>
  ko === en
    ? escapeXml(ko)
    : `<${tag} class="ko" lang="ko">${escapeXml(ko)}</${tag}><${tag} class="en" lang="en">${escapeXml(en)}</${tag}>`

/** Two buttons that choose the language of a page, without a script; they need `languageStyle`. */
export const languageSwitch = (first: Language): string => {
  const button = (language: Language, name: string) =>
    `<label lang="${language}"><input type="radio" name="language" id="${language}"${language === first ? ' checked' : ''}>${name}</label>`
  return `<div class="languages" role="radiogroup" aria-label="언어 · Language">${button('ko', '한국어')}${button('en', 'English')}</div>`
}

export const languageStyle = `
:root:has(#en:checked) .ko, :root:has(#ko:checked) .en { display: none }
.languages { display: flex; justify-content: flex-end; gap: 1rem; font-size: .9rem } .languages input { margin-right: .3rem }`
