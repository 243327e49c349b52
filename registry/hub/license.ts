import { parseYaml } from '../yaml.js'

const SPDX = /^[A-Za-z0-9][A-Za-z0-9.+-]{0,63}$/
/** What the hub calls a license that has no identifier; its name may stand beside. */
const UNNAMED = new Set(['other', 'unknown'])
const LICENSES_MAX = 16
const FRONT_MATTER = /^\uFEFF?---[ \t]*\r?\n(.*?)\r?\n---[ \t]*(?:\r?\n|$)/s

/** The SPDX identifiers that a model card's metadata states; empty when it states none. Pure. */
export function parseLicense (card: unknown): string[] {
  if (typeof card !== 'object' || card === null) return []
  const { license, license_name: name } = card as { license?: unknown, license_name?: unknown }
  const stated = Array.isArray(license) ? license : [license]
  return stated.slice(0, LICENSES_MAX).flatMap((each: unknown) => {
    if (typeof each !== 'string') return []
    if (!UNNAMED.has(each)) return SPDX.test(each) ? [each] : []
    return typeof name === 'string' && SPDX.test(name) ? [`LicenseRef-${name}`] : []
  })
}

/** The same from the metadata at the beginning of a README; what is malformed states nothing. Pure. */
export function parseReadmeLicense (readme: string): string[] {
  const [, metadata] = FRONT_MATTER.exec(readme) ?? []
  if (metadata === undefined) return []
  try {
    return parseLicense(parseYaml(metadata))
  } catch {
    return []
  }
}
