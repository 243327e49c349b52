import { describe, expect, it } from 'vitest'
import type { EncodedText, Encoder } from '../../../models/encoder.js'
import { comparesEmbeddings, countReferenceTokens, embeddingScorers } from '../../../server/evaluation/embedding-metrics.js'
import type { TextPair } from '../../../server/evaluation/scorer.js'

/** One direction per word, framed as BERT frames texts: a text is the sum of its words. */
function wordEncoder (): Encoder & { readonly texts: string[] } {
  const words = new Map<string, number>()
  const texts: string[] = []
  const idOf = (word: string): number => {
    if (!words.has(word)) words.set(word, words.size + 2)
    return words.get(word)!
  }
  const width = 16
  const encodeOne = (text: string): EncodedText => {
    texts.push(text)
    const ids = [0, ...text.split(' ').filter((word) => word !== '').map(idOf), 1]
    const values = new Float32Array(ids.length * width)
    ids.forEach((id, token) => { values[token * width + id] = 1 })
    return { ids: Int32Array.from(ids), isSpecial: Uint8Array.from(ids, (id) => id < 2 ? 1 : 0), width, values }
  }
  const embedOne = (text: string): Float32Array => {
    const vector = new Float32Array(width)
    for (const id of encodeOne(text).ids) if (id > 1) vector[id]! += 1
    return vector
  }
  return { texts, encode: async (all) => all.map(encodeOne), embed: async (all) => all.map(embedOne), close: async () => {} }
}

async function score (metric: string, pairs: readonly TextPair[], encoder: Encoder = wordEncoder()): Promise<(number | null)[][]> {
  const [scorer] = embeddingScorers([metric], encoder, null)
  return await scorer!.score(pairs)
}

describe('BERTScore of rows', () => {
  it('gives precision, recall and F1 of trimmed texts', async () => {
    const encoder = wordEncoder()

    const scores = await score('bertscore', [
      { references: ['a b'], candidate: ' a b\n' }, { references: ['a b c d'], candidate: 'a b' }, { references: ['a'], candidate: '' }
    ], encoder)

    expect(scores).toEqual([[1, 1, 1], [1, 0.5, 2 / 3], [0, 0, 0]])
    expect(encoder.texts).toContain('a b')
    expect(encoder.texts.every((text) => text === text.trim())).toBe(true)
  })

  it('takes the best of several references', async () => {
    const [scores] = await score('bertscore', [{ references: ['x y', 'a b'], candidate: 'a b' }])

    expect(scores).toEqual([1, 1, 1])
  })

  it('weighs tokens by their rarity among all references', async () => {
    async function * references (): AsyncGenerator<readonly string[]> {
      yield ['the cat', 'the dog']
      yield ['the sun']
    }
    const encoder = wordEncoder()
    const frequencies = await countReferenceTokens(references(), encoder)
    const [scorer] = embeddingScorers(['bertscore'], encoder, frequencies)

    const [common, rare] = await scorer!.score([
      { references: ['the cat'], candidate: 'the dog' }, { references: ['the cat'], candidate: 'a cat' }
    ])

    expect(frequencies.documents).toBe(3)
    expect(common![1]).toBeCloseTo(0, 12)
    expect(rare![1]).toBeCloseTo(1, 12)
  })
})

describe('embedding similarity of rows', () => {
  it('is that of the most similar reference, and undefined without words', async () => {
    const scores = await score('cosine', [{ references: ['a b', 'a'], candidate: 'a' }, { references: ['a'], candidate: '' }])

    expect(scores).toEqual([[1], [null]])
  })
})

describe('coherence of rows', () => {
  it('is the mean over neighbouring sentences, and undefined for a single one', async () => {
    const scores = await score('coherence', [
      { references: [], candidate: 'Cats sleep.\nCats sleep.\nDogs bark.' }, { references: [], candidate: 'Cats sleep.' }, { references: [], candidate: '' }
    ])

    expect(scores[0]![0]).toBeCloseTo(0.5, 12)
    expect(scores.slice(1)).toEqual([[null], [null]])
    expect([comparesEmbeddings('coherence'), comparesEmbeddings('cosine')]).toEqual([false, true])
  })
})
