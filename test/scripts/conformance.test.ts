import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import { Section, UNSTATED } from '../../scripts/conformance/report.js'
import { FIXTURES } from '../support/fixtures.js'

const REFERENCE = fileURLToPath(new URL('../reference/', import.meta.url))
const PROGRAM = fileURLToPath(new URL('../../scripts/conformance.ts', import.meta.url))

interface Outcome { code: number, stdout: string }

function conformance (...args: string[]): Promise<Outcome> {
  const { GAUNTLET_FIXTURES: _, ...env } = process.env
  return new Promise((resolve) => {
    execFile(process.execPath, ['--import', import.meta.resolve('tsx'), PROGRAM, ...args], { env, maxBuffer: 1 << 24 }, (error, stdout, stderr) => {
      resolve({ code: error === null ? 0 : Number(error.code), stdout: stdout + stderr })
    })
  })
}

const reference = (name: string): string => join(REFERENCE, name)
const figuresIn = async (name: string): Promise<string> => readFile(reference(name), 'utf8')

describe('npm run conformance', () => {
  let directory: string
  const written = async (name: string, content: unknown): Promise<string> => {
    const path = join(directory, name)
    await writeFile(path, typeof content === 'string' ? content : JSON.stringify(content))
    return path
  }
  beforeAll(async () => { directory = await mkdtemp(join(tmpdir(), 'gauntlet-conformance-')) })
  afterAll(() => rm(directory, { recursive: true, force: true }))

  it('finds every reference figure matched that needs no encoder', async () => {
    const files = ['statistics.json', 'kayenta.json', 'text-metrics.jsonl', 'text-aggregate.json', 'porter.json', 'bertscore-synthetic.jsonl', 'hashing.json']
    const { code, stdout } = await conformance(...files.map(reference))

    expect(stdout).toMatch(/^porter 1954\/1954$/m)
    expect(stdout).toMatch(/^ks_two_sample 60\/60$/m)
    expect(stdout).toMatch(/^[6-9]\d{3} passed, 0 failed\n$/m)
    expect(code).toBe(0)
  }, 60_000)

  it.skipIf(FIXTURES === null)('finds every BERTScore figure matched with the encoder of the file', async () => {
    const { code, stdout } = await conformance(reference('bertscore.jsonl'), '--models', join(FIXTURES!, 'models'))

    expect(stdout).toMatch(/^\d{3,} passed, 0 failed\n$/m)
    expect(code).toBe(0)
  }, 60_000)

  it('fails every figure that needs an encoder it cannot find', async () => {
    const { code, stdout } = await conformance(reference('bertscore.jsonl'), '--models', directory)

    expect(stdout).toMatch(/^no_idf 0\/90$/m)
    expect(code).toBe(1)
  })

  it('lists a wrong figure with what was expected and what it got', async () => {
    const stems = JSON.parse(await figuresIn('porter.json')) as Record<string, string>
    const path = await written('stems.json', { ...stems, running: 'runn' })
    const { code, stdout } = await conformance(path)

    expect(stdout).toContain('expected "runn", got "run"')
    expect(stdout).toMatch(/ passed, 1 failed\n$/)
    expect(code).toBe(1)
  })

  it('reads the bare NaN and Infinity that Python writes, but leaves words alone', async () => {
    const path = await written('distances.json', '{"statistics":{"discrete_distances":{"tolerance":{"abs":0,"rel":0},"cases":[{"id":"NaN",' +
      '"input":{"p":[1,1],"q":[1,0]},"expected":{"kl_e":Infinity,"tvd":0.5}},{"id":"b","input":{"p":[1,1],"q":[1,1]},"expected":{"tvd":NaN}}]}}}')
    const { stdout } = await conformance(path)

    expect(stdout).toMatch(/^discrete_distances 2\/3$/m)
    expect(stdout).toContain('b.tvd: expected "NaN", got 0')
  })

  it('fails an unknown statistic, an unknown field, a file of no known format and a file that is not there', async () => {
    const file = JSON.parse(await figuresIn('statistics.json')) as { statistics: Record<string, { cases: { expected: object }[] }> }
    const { psi } = file.statistics
    const strange = { statistics: { psychic: { convention: '', tolerance: { abs: 1, rel: 1 }, cases: [{ id: 'a', input: {}, expected: { x: 1, y: [2, 3] } }] } } }
    const field = { statistics: { psi: { ...psi, cases: [{ ...psi!.cases[0]!, expected: { phase_of_the_moon: 1 } }] } } }
    const paths = [await written('a.json', strange), await written('b.json', field), await written('c.json', { a: [1] }), join(directory, 'none.json')]
    const { code, stdout } = await conformance(...paths)

    expect(stdout).toMatch(/^psychic 0\/3$/m)
    expect(stdout).toMatch(/^psi 0\/1$/m)
    expect(stdout).toMatch(/^0 passed, 6 failed\n$/m)
    expect(code).toBe(1)
  })
})

describe('a section of the report', () => {
  it('counts every leaf, and a missing field or a list of another length as wholly wrong', () => {
    const section = new Section('s')

    section.compare('a', { x: 1, list: [1, 2, 3] }, { x: 1, list: [1, 2], y: { z: 1, w: 2 } }, UNSTATED.exact)

    expect([section.matched, section.total]).toEqual([1, 5])
    expect(section.mismatches.map(({ place }) => place)).toEqual(['a.list', 'a.list', 'a.y', 'a.y'])
  })

  it('takes null or NaN for what is undefined and words for what JSON cannot hold, but never for a number', () => {
    const section = new Section('s')

    section.compare('a', [null, NaN, null, Infinity, -Infinity], [null, null, 'NaN', 'Infinity', '-Infinity'], UNSTATED.exact)
    section.compare('b', [0, 1, 'Infinity', NaN], [null, 'Infinity', 1, 1], { abs: 9, rel: 9 })

    expect([section.matched, section.total]).toEqual([5, 9])
  })
})
