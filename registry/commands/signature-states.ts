import { readFileSync } from 'node:fs'
import { join } from 'node:path'
import type { SignatureReport } from '../signing/report.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'

const SUBJECT = 'io.gauntlet.subject'
const REF_NAME = 'org.opencontainers.image.ref.name'

interface Entry { readonly annotations?: Readonly<Record<string, string>> }

/**
 * What the signatures of versions are worth. Versions that index.json names no signature for are unsigned, and what
 * reads signatures is not even loaded for them.
 */
export async function signatureStates (
  digests: readonly string[], dataDir: string, { open }: RegistryCommandsContext
): Promise<Map<string, SignatureReport['state']>> {
  const states = new Map<string, SignatureReport['state']>()
  const signed = digestsWithSignatures(join(dataDir, 'registry', 'index.json'), digests)
  if (signed.length === 0) return states
  await withRegistry(open, async (registry) => {
    for (const digest of signed) states.set(digest, (await registry.signing.report(digest)).state)
  })
  return states
}

/**
 * All of them when index.json cannot be read, or has entries that do not say whose they are. Signatures have no name,
 * so where every entry has one there are none: counting tells that much faster than parsing.
 */
function digestsWithSignatures (path: string, digests: readonly string[]): readonly string[] {
  try {
    const text = readFileSync(path, 'utf8')
    if (countIn(text, `"${REF_NAME}":`) === countIn(text, '"digest":')) return []
    const { manifests } = JSON.parse(text) as { manifests: readonly Entry[] }
    const unnamed = manifests.filter(({ annotations }) => annotations?.[REF_NAME] === undefined)
    const subjects = new Set(unnamed.map(({ annotations }) => annotations?.[SUBJECT]))
    return subjects.has(undefined) ? digests : digests.filter((digest) => subjects.has(digest))
  } catch {
    return digests
  }
}

function countIn (text: string, part: string): number {
  return text.split(part).length - 1
}
