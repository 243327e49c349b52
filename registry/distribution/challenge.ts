/** What a registry asks for: a token that a third party gives, or a name and password. */
export type Challenge =
  | { readonly scheme: 'bearer', readonly realm: string, readonly service: string | null, readonly scope: string | null }
  | { readonly scheme: 'basic' }

const PARAMETER = /^\s*,?\s*([A-Za-z0-9_-]+)\s*=\s*(?:"((?:[^"\\]|\\.)*)"|([^\s,"]+))/
const SCHEME = /^\s*,?\s*([A-Za-z][A-Za-z0-9_-]*)(?=\s|,|$)(?!\s*=)/

/** The first challenge of `WWW-Authenticate` (RFC 9110, 11.6.1) that can be met, a token before a password. Pure. */
export function parseChallenge (header: string | null): Challenge | null {
  const found: Challenge[] = []
  for (let rest = header ?? ''; ;) {
    const [whole, scheme] = SCHEME.exec(rest) ?? []
    if (whole === undefined || scheme === undefined) break
    rest = rest.slice(whole.length)
    const parameters = new Map<string, string>()
    for (let match = PARAMETER.exec(rest); match !== null; match = PARAMETER.exec(rest)) {
      rest = rest.slice(match[0].length)
      parameters.set(match[1]!.toLowerCase(), match[2]?.replaceAll(/\\(.)/g, '$1') ?? match[3] ?? '')
    }
    const realm = parameters.get('realm')
    if (scheme.toLowerCase() === 'basic') found.push({ scheme: 'basic' })
    if (scheme.toLowerCase() === 'bearer' && realm !== undefined) {
      found.push({ scheme: 'bearer', realm, service: parameters.get('service') ?? null, scope: parameters.get('scope') ?? null })
    }
  }
  return found.find(({ scheme }) => scheme === 'bearer') ?? found[0] ?? null
}
