import { lstatSync, mkdirSync, readdirSync, realpathSync, writeFileSync } from 'node:fs'
import { dirname, join, sep } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { openDatabase } from '../../registry/database.js'
import { RegistryError } from '../../registry/errors.js'
import { deriveIndex, foreignEntries, withoutEntries } from '../../registry/layout-index.js'
import { buildManifest, parseManifest } from '../../registry/manifest.js'
import { completeServing } from '../../registry/inspection.js'
import { pathFault, pathsFault } from '../../registry/paths.js'
import { parseServing, parseServingDraft } from '../../registry/serving.js'
import { damages, itSurvivesDamage, runsOf } from '../support/fuzzing.js'
import { TABULAR } from '../support/registry-fake-model.js'
import { temporaryFolder } from '../support/registry-fixtures.js'

const readManifest = (bytes: Buffer) => parseManifest(bytes, `sha256:${'0'.repeat(64)}`)
const readServing = (bytes: Buffer) => parseServing(bytes.toString())
const readDraft = (bytes: Buffer) => parseServingDraft(bytes.toString())

describe('a document', () => {
  itSurvivesDamage('of a manifest', 500, () => [manifestBytes()], readManifest)
  itSurvivesDamage('of serving.json', 300, () => [servingBytes()], readServing)
  itSurvivesDamage('of a draft of serving.json', 300, () => [servingBytes()], readDraft)
})

describe('a bomb', () => {
  const deep = (levels: number) => `${'['.repeat(levels)}${']'.repeat(levels)}`

  it.each<[string, (bytes: Buffer) => unknown, () => Buffer]>([
    ['of nested lists in a manifest', readManifest, () => Buffer.from(deep(200_000))],
    ['of nested lists in a field of a manifest', readManifest, () => Buffer.from(`{"schemaVersion":2,"annotations":${deep(100_000)}}`)],
    ['of nested lists in serving.json', readServing, () => Buffer.from(`{"examples":${deep(100_000)}}`)],
    ['of twenty thousand wrong fields in serving.json', readDraft, () => Buffer.from(JSON.stringify(Object.fromEntries(Array.from({ length: 20_000 }, (_, index) => [`f${index}`, 1]))))]
  ])('%s is refused with a reason', (_name, parse, bytes) => {
    expect(() => parse(bytes())).toThrow(RegistryError)
  })
})

describe('index.json', () => {
  it('may say anything: what can be kept is kept, and it is never a reason to stop', () => {
    const database = openDatabase(':memory:')
    const sound = Buffer.from(deriveIndex(database, JSON.stringify({ manifests: [{ digest: 'sha256:x', size: 1, annotations: { a: 'b' } }] })))
    const anything = fc.oneof(damages().map((damage) => damage(sound).toString()), fc.json(), fc.string(),
      fc.json({ maxDepth: 4 }).map((json) => `{"manifests":[${json},{"digest":"d","annotations":${json}}]}`))
    fc.assert(fc.property(anything, (text) => {
      foreignEntries(database, text)
      withoutEntries(text, new Set(['d']))
      const derived = deriveIndex(database, text)
      expect(deriveIndex(database, derived)).toBe(derived)
    }), runsOf(300))
    database.$client.close()
  })

  it('may nest entries as deeply as it likes', () => {
    const database = openDatabase(':memory:')
    const bomb = `{"manifests":[{"digest":"d","deep":${'['.repeat(200_000)}${']'.repeat(200_000)}}]}`
    expect(() => deriveIndex(database, bomb)).not.toThrow()
    database.$client.close()
  })
})

describe('a path that is accepted', () => {
  const part = fc.oneof(fc.constantFrom('..', '.', '', 'a', 'b', '\\', '~', 'C:', 'con', 'a.', 'é', '\u202e', '%2e%2e'), fc.string({ maxLength: 4 }))
  const path = fc.oneof(fc.array(part, { minLength: 1, maxLength: 5 }).map((parts) => parts.join('/')), fc.string({ maxLength: 20 }))

  it('names, on a real disk, a file inside the folder and nothing else', () => {
    let accepted = 0
    fc.assert(fc.property(fc.array(path, { minLength: 1, maxLength: 4 }), (paths) => {
      if (pathsFault(paths) !== null) return
      const outer = temporaryFolder()
      const root = join(outer, 'root')
      mkdirSync(root)
      for (const [index, name] of paths.entries()) {
        accepted++
        const file = join(root, name)
        mkdirSync(dirname(file), { recursive: true })
        writeFileSync(file, String(index), { flag: 'wx' })
        expect(realpathSync(file).startsWith(realpathSync(root) + sep)).toBe(true)
        expect(lstatSync(file).isFile()).toBe(true)
      }
      expect(readdirSync(outer)).toEqual(['root'])
    }), runsOf(500))
    expect(accepted).toBeGreaterThan(100)
  })

  it('is accepted alone as well as among others', () => {
    fc.assert(fc.property(path, (one) => { expect(pathsFault([one]) === null).toBe(pathFault(one) === null) }), runsOf(100))
  })
})

function servingBytes (): Buffer {
  const example = { inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 4], data: [1, 2, 3, 4] }], outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 3], data: [1, 2, 3] }], tolerance: 0.1 }
  return Buffer.from(JSON.stringify({ ...completeServing({}, 'model.onnx', TABULAR), examples: [example], labels: ['a', 'b', 'c'] }))
}

function manifestBytes (): Buffer {
  const layers = ['model.onnx', 'a/b.txt', 'serving.json'].map((path) => ({ path, digest: `sha256:${'a'.repeat(64)}`, sizeBytes: 3 }))
  return buildManifest({ name: 'm', version: '1', layers, serving: completeServing({}, 'model.onnx', TABULAR) }).manifest
}
