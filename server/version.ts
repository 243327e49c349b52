import { readFileSync } from 'node:fs'

/** The version of this package, read beside the source or one folder further up from the build. */
export const PACKAGE_VERSION = readVersion(['../package.json', '../../package.json'])

function readVersion (places: readonly string[]): string {
  for (const place of places) {
    try {
      const document = JSON.parse(readFileSync(new URL(place, import.meta.url), 'utf8')) as { name?: string, version?: string }
      if (document.name === 'gauntlet' && document.version !== undefined) return document.version
    } catch {
      continue
    }
  }
  return '0.0.0'
}
