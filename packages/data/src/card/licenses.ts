/** Identifiers that a Hugging Face card knows (huggingface.co/docs/hub/repositories-licenses): those that data is under. */
const known = new Set(
  (
    'apache-2.0 mit openrail afl-3.0 artistic-2.0 bsl-1.0 bsd bsd-2-clause bsd-3-clause bsd-3-clause-clear c-uda cc cc0-1.0 ' +
    'cc-by-2.0 cc-by-2.5 cc-by-3.0 cc-by-4.0 cc-by-sa-3.0 cc-by-sa-4.0 cc-by-nc-2.0 cc-by-nc-3.0 cc-by-nc-4.0 cc-by-nd-4.0 ' +
    'cc-by-nc-nd-3.0 cc-by-nc-nd-4.0 cc-by-nc-sa-2.0 cc-by-nc-sa-3.0 cc-by-nc-sa-4.0 cdla-sharing-1.0 cdla-permissive-1.0 ' +
    'cdla-permissive-2.0 wtfpl ecl-2.0 epl-1.0 epl-2.0 etalab-2.0 eupl-1.1 agpl-3.0 gfdl gpl gpl-2.0 gpl-3.0 lgpl lgpl-2.1 ' +
    'lgpl-3.0 isc mpl-2.0 odc-by odbl osl-3.0 postgresql ofl-1.1 unlicense zlib pddl lgpl-lr'
  ).split(' '),
)

/** The licences that an expression names: `MIT OR Apache-2.0`, `CC-BY, CC-BY-2.0-KR`. */
export const licenseParts = (expression: string): string[] =>
  expression.split(/\s+(?:OR|AND)\s+|\s*,\s*/).filter(part => part !== '')

/** Hugging Face's identifier, or undefined for a licence that it has none for. */
export function huggingFaceLicense(license: string): string | undefined {
  const id = license.toLowerCase()
  return known.has(id) ? id : undefined
}

/** The page of a licence at SPDX, if its identifier is surely one of theirs; else what was given. */
export const licenseUrl = (license: string): string =>
  license === 'MIT' || (huggingFaceLicense(license) !== undefined && /\d/.test(license))
    ? `https://spdx.org/licenses/${license}.html`
    : license
