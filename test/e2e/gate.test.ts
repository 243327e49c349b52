import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import type { Gateway } from '../../server/gateway.js'
import { fileFolder, gauntlet, jsonLines } from '../support/command.js'
import { call, publishLookups, rolloutOf, runGateway, startRollout, temporaryDataDir } from '../support/gateway.js'
import { eventually } from '../support/wait.js'

const folder = temporaryDataDir()
const files = fileFolder()
let gateway: Gateway
let url: string

beforeAll(async () => {
  await publishLookups(folder.dataDir, { 1: 1, 2: 2, same: 1, broken: 1 }, '1')
  const rows = Array.from({ length: 9 }, (_, i) => ({ input: i, label: String(i) }))
  const path = files.write('golden.jsonl', jsonLines(rows))
  const { code } = await gauntlet('--data-dir', folder.dataDir, 'publish', path, '--kind', 'dataset', '--role', 'golden', '--name', 'known', '--version', '1')
  expect(code).toBe(0)
  gateway = await runGateway(folder.dataDir)
  url = gateway.url
})

afterAll(async () => {
  await gateway.close()
  folder.remove()
  files.remove()
})

const spec = (challenger: string, gate: object) => ({
  model: 'lookup', challenger, gate, strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } }
})
const settled = (id: string) => eventually('the gate has decided', async () => {
  const view = await rolloutOf(url, id)
  return view.state !== 'pending' && view.state !== 'warming' ? view : false
})

describe('a gate of golden rows', () => {
  it('fails a challenger that answers worse before anybody is served by it, with its scores on record', async () => {
    const gate = { dataset: 'known:1', metrics: [{ metric: 'accuracy', min: 0.9, margin: { absolute: 0.05 } }, { metric: 'mae', max: 10 }] }
    const { id } = await startRollout(url, spec('2', gate))
    const view = await settled(id)

    expect(view).toMatchObject({ state: 'failed', weightBps: 0, verdict: { decision: 'rollback', rule: 1 } })
    expect(view.reason).toBe("the gate is not passed: accuracy is 0.1111, the champion's is 1: least value 0.1111, limit 0.9, effect -0.8889, limit -0.05")
    expect(view.verdict.metrics.map(({ name, outcome }) => [name, outcome])).toEqual([['accuracy', 'fail'], ['mae', 'pass']])
    const [verdict] = (await call(url, `/api/rollouts/${id}/verdicts`)).json as { acted: boolean, evidence: object }[]
    expect(verdict).toMatchObject({ acted: true, evidence: { gate: { dataset: 'known:1', rows: 9, values: { accuracy: { champion: 1 }, mae: { challenger: 4 } } } } })
    const audit = await gauntlet('--data-dir', folder.dataDir, '--json', 'audit', 'list', '--subject', id)
    expect((JSON.parse(audit.out) as { action: string }[]).map(({ action }) => action)).toContain('rollout.verdict')
    const replayed = await gauntlet('--data-dir', folder.dataDir, 'verdict', 'replay', id)
    expect([replayed.code, replayed.out]).toEqual([0, expect.stringContaining('1 equal, 0 different')])
    expect((await call(url, '/metrics')).json as string).not.toMatch(/gauntlet_\w*requests_total\{[^}]*version="2"/)
  })

  it('lets a challenger on that answers as well, also by metrics of text, and reads no more rows than asked for', async () => {
    const gate = { dataset: 'known', limit: 5, concurrency: 2, metrics: [{ metric: 'exact_match', margin: { absolute: 0 } }] }
    const { id } = await startRollout(url, spec('same', gate))
    const view = await settled(id)

    expect(view.state).toMatch(/progressing|paused/)
    const verdicts = (await call(url, `/api/rollouts/${id}/verdicts`)).json as { reason: string }[]
    expect(verdicts.at(-1)!.reason).toBe("the gate of 5 rows of known:1 is passed: exact_match is 1, the champion's is 1")
    await call(url, `/api/rollouts/${id}/rollback`, {})
  })

  it('fails a challenger that cannot answer, unless so many rows may fail', async () => {
    const metrics = [{ metric: 'accuracy', min: 0 }]
    const strict = await settled((await startRollout(url, spec('broken', { dataset: 'known:1', metrics }))).id)

    expect(strict.state).toBe('failed')
    expect(strict.reason).toMatch(/^the challenger failed on 8 of 9 rows of known:1, at most 0 may fail: row 2: /)
    const { id } = await startRollout(url, spec('broken', { dataset: 'known:1', metrics, failuresMax: 8 }))
    expect((await settled(id)).state).not.toBe('failed')
    await call(url, `/api/rollouts/${id}/rollback`, {})
  })

  it('fails when the rows cannot be used, too, and refuses what is no dataset', async () => {
    const metrics = [{ metric: 'accuracy', min: 0 }]
    const few = await settled((await startRollout(url, spec('same', { dataset: 'known:1', metrics, minRows: 10 }))).id)
    const refused = async (dataset: string) => (await call(url, '/api/rollouts', spec('same', { dataset, metrics }))).status

    expect(few).toMatchObject({ state: 'failed', reason: 'the gate has 9 rows of known:1, 10 are needed' })
    expect([await refused('unknown:1'), await refused('known:2'), await refused('lookup:1')]).toEqual([404, 404, 409])
  })
})

describe('probes of a rollout', () => {
  it('trip the breaker when too many rounds in a row are not answered as expected', async () => {
    const probes = { dataset: 'known:1', interval: '50ms', failureLimit: 2 }
    const { id } = await startRollout(url, { ...spec('2', {}), gate: undefined, probes })
    const view = await eventually('it is rolled back', async () => {
      const now = await rolloutOf(url, id)
      return now.state === 'rolled-back' ? now : false
    })

    expect(view).toMatchObject({ weightBps: 0, verdict: { decision: 'rollback', rule: 1 } })
    expect(view.reason).toBe('probes: 2 rounds in a row failed, the last for row 2: expected "1", got "2"')
    const [verdict] = (await call(url, `/api/rollouts/${id}/verdicts`)).json as { acted: boolean, evidence: { breaker: string } }[]
    expect(verdict).toMatchObject({ acted: true, evidence: { breaker: view.reason } })
    const replayed = await gauntlet('--data-dir', folder.dataDir, 'verdict', 'replay', id)
    expect([replayed.code, replayed.out]).toEqual([0, expect.stringContaining('0 different')])
  })

  it('leave a challenger alone that answers as expected, and refuse what is no dataset', async () => {
    const probes = { dataset: 'known:1', interval: '50ms', failureLimit: 1 }
    const { id } = await startRollout(url, { ...spec('same', {}), gate: undefined, probes, strategy: { canary: { steps: [{ setWeight: 50 }, { pause: { duration: '500ms' } }] } } })
    const view = await eventually('it has ended', async () => {
      const now = await rolloutOf(url, id)
      return now.endedAt === null ? false : now
    })

    expect(view.state).toBe('promoted')
    expect((await call(url, '/api/rollouts', { ...spec('2', {}), gate: undefined, probes: { dataset: 'lookup:1' } })).status).toBe(409)
    await call(url, `/api/rollouts/${id}/rollback`, {})
  })
})

describe('gauntlet probe', () => {
  const probe = (rows: object[], ...args: string[]) =>
    gauntlet('--server', url, '--json', 'probe', files.write('probes.jsonl', jsonLines(rows)), ...args)

  it('passes when every answer is as expected', async () => {
    const { code, out } = await probe([
      { model: 'lookup', input: 5, expect: 5 },
      { name: 'two', model: 'lookup', version: '1', input: [2, 3], expect: { value: [2.001, 3] }, tolerance: 0.01 },
      { model: 'lookup', input: { index: 1 }, maxLatencyMs: 60_000 }
    ], '--concurrency', '2', '--header', 'x-session-id: probe')

    expect(code).toBe(0)
    expect(JSON.parse(out)).toMatchObject({ probes: 3, failed: 0, results: [{ row: 1, name: 'row 1' }, { name: 'two', arm: 'none' }, { arm: 'champion' }] })
  })

  it('ends with exit code 6 when one is not, or is not answered at all', async () => {
    const { code, out, talk } = await probe([
      { model: 'lookup', input: 5, expect: 6 },
      { model: 'lookup', input: 5, expect: { other: 6 } },
      { model: 'lookup', input: 'five', expect: 6 },
      { model: 'lookup', input: 5, maxLatencyMs: 1e-6 },
      { model: 'missing', input: 5, expect: 5 },
      { model: 'lookup', input: 5, expect: 5 }
    ])
    const { results } = JSON.parse(out) as { results: { passed: boolean, reason: string }[] }

    expect([code, talk]).toEqual([6, 'gauntlet: 5 of 6 probes failed\n'])
    expect(results.map(({ passed }) => passed)).toEqual([false, false, false, false, false, true])
    expect(results[0]!.reason).toBe('output "value", element 0: expected 6, got 5')
    expect(results[4]!.reason).toMatch(/^answered 404: /)
    const path = files.write('probes.jsonl', jsonLines([{ model: 'lookup', input: 5, expect: 5 }]))
    expect((await gauntlet('--server', 'http://127.0.0.1:1', 'probe', path)).code).toBe(6)
  })

  it.each([
    ['without an input', { model: 'lookup', expect: 1 }, 'field "input" is missing'],
    ['without a model', { input: 1, expect: 1 }, 'field "model" is missing'],
    ['that expects nothing', { model: 'lookup', input: 1 }, 'expected at least one of expect, maxLatencyMs'],
    ['with a field that is not known', { model: 'lookup', input: 1, expects: 1 }, 'expects']
  ])('refuses a row %s by its line', async (_title, row, message) => {
    const { code, talk } = await probe([{ model: 'lookup', input: 5, expect: 5 }, row])

    expect([code, talk]).toEqual([4, expect.stringContaining('line 2: ')])
    expect(talk).toContain(message)
  })
})
