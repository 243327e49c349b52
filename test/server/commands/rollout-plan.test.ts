import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Check } from 'typebox/schema'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { parse } from 'yaml'
import { gauntlet } from '../../support/command.js'

const CANARY = `
model: m
challenger: "2"
strategy: { canary: { steps: [{ setWeight: 10 }, { analysis: {} }, { pause: {} }] } }
analysis:
  mode: equivalence
  metrics: [{ name: errors, source: errors, role: critical, margin: { absolute: 0.01 } }]
`
let folder: string
const file = (name: string): string => join(folder, name)

beforeAll(() => {
  folder = mkdtempSync(join(tmpdir(), 'gauntlet-plan-'))
  writeFileSync(file('canary.yaml'), CANARY)
  writeFileSync(file('bad.yaml'), CANARY.replace('setWeight: 10', 'setWeight: 100').replace('model: m', 'modle: m'))
  writeFileSync(file('text.yaml'), 'just words')
  writeFileSync(file('deep.yaml'), '- '.repeat(1_000_000))
})

afterAll(() => { rmSync(folder, { recursive: true }) })

describe('gauntlet rollout validate', () => {
  it('accepts a good document and names every fault of a bad one', async () => {
    const good = await gauntlet('rollout', 'validate', file('canary.yaml'))
    const bad = await gauntlet('rollout', 'validate', file('bad.yaml'))

    expect(good).toMatchObject({ code: 0, out: expect.stringContaining('is valid: canary, 3 steps') as string })
    expect(bad).toMatchObject({ code: 4, out: '' })
    expect(bad.talk).toMatch(/modle: is not a known field/)
    expect(bad.talk).toMatch(/model: is required/)
  })

  it('refuses what is no document, and a file that is not there', async () => {
    expect(await gauntlet('rollout', 'validate', file('text.yaml'))).toMatchObject({ code: 4 })
    expect(await gauntlet('rollout', 'validate', file('none.yaml'))).toMatchObject({ code: 4 })
    expect(await gauntlet('rollout', 'validate', file('deep.yaml'))).toMatchObject({ code: 4, talk: expect.stringContaining('nested more than 64 levels deep') as string })
  })
})

describe('gauntlet rollout plan', () => {
  it('shows every step, and under a gate what it needs', async () => {
    const { code, out } = await gauntlet('rollout', 'plan', file('canary.yaml'), '--per-day', '1000', '--assume', 'errors=0.02')

    expect(code).toBe(0)
    expect(out).toMatch(/^1 +10 % +0 % +\d+\.\d\d +analysis$/m)
    expect(out).toMatch(/critical errors: \d+ in half of all trials, \d+ with power 0.8 \(equal versions at a rate of 0.02/)
    expect(out).toMatch(/then promotes by itself\n$/)
  })

  it('refuses an assumption that is none', async () => {
    for (const wrong of ['errors', 'errors=2', 'errors=sd:0', 'errors=x']) {
      expect(await gauntlet('rollout', 'plan', file('canary.yaml'), '--assume', wrong)).toMatchObject({ code: 2 })
    }
  })
})

describe('gauntlet rollout schema', () => {
  it('prints the schema of documents, by which what has a default may be left out', async () => {
    const { code, out } = await gauntlet('rollout', 'schema')
    const isValid = (value: unknown): boolean => Check(JSON.parse(out) as object, value)
    const document = parse(CANARY) as Record<string, unknown>

    expect(code).toBe(0)
    expect(isValid(document)).toBe(true)
    expect(isValid({ model: 'm', challenger: '2' })).toBe(false)
    expect(isValid({ ...document, modle: 'm' })).toBe(false)
  })
})
