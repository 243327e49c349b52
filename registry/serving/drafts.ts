import type { ServingDraft } from '../serving.js'

/** Part of a serving.json, and what to call the place it comes from. */
export interface DraftLayer { readonly from: string, readonly draft: ServingDraft }

/** What was stated of a serving.json, and where: by field, and by field and part of `batching` and `lineage`. */
export interface StatedDraft { readonly draft: ServingDraft, readonly from: ReadonlyMap<string, string> }

/** Fields whose parts are stated one by one. */
const BY_PART: ReadonlySet<string> = new Set(['batching', 'lineage', 'metrics'])

/** One draft of several: what an earlier one states wins over later ones, field by field. Pure. */
export function layerDrafts (layers: readonly DraftLayer[]): StatedDraft {
  const draft: Record<string, unknown> = {}
  const from = new Map<string, string>()
  for (const layer of layers) {
    for (const [field, value] of Object.entries(layer.draft)) {
      if (field === '$schema' || value === undefined) continue
      if (BY_PART.has(field)) {
        draft[field] = { ...value as object, ...draft[field] as object | undefined }
        for (const part of Object.keys(value as object)) addOnce(from, `${field}.${part}`, layer.from)
      } else if (!from.has(field)) {
        draft[field] = value
      }
      addOnce(from, field, layer.from)
    }
  }
  return { draft, from }
}

function addOnce (map: Map<string, string>, key: string, value: string): void {
  if (!map.has(key)) map.set(key, value)
}
