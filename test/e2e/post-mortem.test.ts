import { existsSync, mkdirSync, readdirSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, beforeAll, describe, expect, it, onTestFinished } from 'vitest'
import type { EventRow } from '../../registry/events.js'
import type { RolloutEvent, RolloutState } from '../../registry/rollouts/machine.js'
import type { ConcludedVerdict, RolloutRow } from '../../registry/rollouts/rollout.js'
import type * as Writing from '../../server/rollouts/report/post-mortems.js'
import { importCompiled } from '../support/compiled.js'
import { ask, call, publishLookups, rolloutOf, runGateway, startRollout, temporaryDataDir } from '../support/gateway.js'
import { START_MS } from '../support/registry-fixtures.js'
import { BY, PATHS, removeTemplate, rolloutIn } from '../support/registry-rollouts.js'
import { eventually } from '../support/wait.js'

const folder = temporaryDataDir()

beforeAll(async () => { await publishLookups(folder.dataDir, { 1: 1, 2: 2 }, '1') })

afterAll(async () => {
  await removeTemplate()
  folder.remove()
})

type Opened = Awaited<ReturnType<typeof rolloutIn>>

const DAY_MS = 86_400_000
const reportsOf = (...rows: readonly RolloutRow[]) => rows.flatMap(({ id }) => [`${id}.html`, `${id}.md`]).sort()
const filesOf = ({ dataDir }: Pick<Opened, 'dataDir'>) => readdirSync(join(dataDir, 'reports')).sort()
const toldOf = ({ registry }: Opened): EventRow[] =>
  registry.events.list({ after: 0, limit: 1_000 }).filter(({ type }) => type === 'rollout.report')

/** A rollout whose document asks for such post-mortems, led to a state, a second later than what was before. */
function lead (
  { registry, tick }: Opened, postMortem: string | null, state: RolloutState, verdict?: ConcludedVerdict
): RolloutRow {
  const champion = registry.alias('m', 'champion')!
  const challenger = champion === '2' ? '3' : '2'
  const spec = postMortem === null ? {} : { postMortem }
  let row = registry.rollouts.create({ model: 'm', champion, challenger, spec, salt: 's', ...BY })
  const apply = (event: RolloutEvent, more: { readonly verdict?: ConcludedVerdict }): void => {
    row = registry.rollouts.apply(row.id, event, { epoch: row.epoch, actor: 'gauntlet', reason: 'as the plan says', ...more })
  }
  tick(1_000)
  for (const event of PATHS[state]) apply(event, verdict === undefined ? {} : { verdict })
  return row
}

/** What writes post-mortems, over a registry. */
async function writerOf (opened: Opened, settings: Partial<Writing.PostMortemsOptions> = {}) {
  const { PostMortems } = await importCompiled<typeof Writing>('server/rollouts/report/post-mortems.js')
  const lines: string[] = []
  const log = (level: string, message: string, { error }: Record<string, unknown>): void => { lines.push(`${level}: ${message}: ${error as string}`) }
  const { registry, dataDir } = opened
  const writer = new PostMortems({
    registry, dataDir, keepMax: 100, queueMax: 100, timeoutMs: 20_000, catchUpDays: 7, now: () => START_MS + DAY_MS, log, ...settings
  })
  onTestFinished(async () => { await writer.close() })
  const until = async (count: number): Promise<EventRow[]> =>
    await eventually(`${count} post-mortems`, () => toldOf(opened).length === count && toldOf(opened))
  return { writer, lines, until }
}

describe('post-mortems', () => {
  it('are written of rollbacks, failures and promotions taken back, or as the document asks', async () => {
    const opened = await rolloutIn('rolled-back')
    const { until, lines } = await writerOf(opened, { catchUpDays: 0 })
    const kept = lead(opened, null, 'promoted')
    const undone = lead(opened, 'rollback', 'promoted')
    opened.registry.rollouts.revert(undone.id, BY)
    const always = lead(opened, 'always', 'promoted')
    const unasked = [lead(opened, 'never', 'failed'), lead(opened, 'breaker', 'rolled-back')]
    const verdict = { at: START_MS, decision: 'rollback', reason: 'tripped', verdict: {}, evidence: { breaker: 'tripped' }, analysis: null, acted: true, engine: '1' }
    const tripped = lead(opened, 'breaker', 'rolled-back', verdict)
    const failed = lead(opened, null, 'failed')
    const told = await until(4)

    expect(told.map(({ rolloutId }) => rolloutId)).toEqual([undone, always, tripped, failed].map(({ id }) => id))
    expect(filesOf(opened)).toEqual(reportsOf(undone, always, tripped, failed))
    expect([kept, ...unasked].some(({ id }) => existsSync(join(opened.dataDir, `reports/${id}.md`)))).toBe(false)
    expect(told[0]!.body).toMatchObject({ to: 'promoted', epoch: undone.epoch + 1, markdown: `reports/${undone.id}.md`, html: `reports/${undone.id}.html` })
    expect(readFileSync(join(opened.dataDir, `reports/${undone.id}.md`), 'utf8')).toContain(BY.reason)
    expect(readdirSync(join(opened.dataDir, 'tmp')).filter((name) => name !== 'partial')).toEqual([])
    expect(lines.filter((line) => line.startsWith('warn'))).toEqual([])
  })

  it('go when there are too many, that of the first end first, and files of others stay', async () => {
    const opened = await rolloutIn('rolled-back')
    mkdirSync(join(opened.dataDir, 'reports'))
    writeFileSync(join(opened.dataDir, 'reports/notes.md'), 'mine')
    const { until } = await writerOf(opened, { keepMax: 2 })
    const [second, third] = [lead(opened, null, 'failed'), lead(opened, null, 'failed')]
    await until(3)

    expect(filesOf(opened)).toEqual(['notes.md', ...reportsOf(second, third)].sort())
  })

  it('that cannot be written harm nothing, and are made up for at the next start, as far back as asked', async () => {
    const opened = await rolloutIn('rolled-back')
    const path = join(opened.dataDir, 'reports')
    writeFileSync(path, 'in the way')
    const blocked = await writerOf(opened)
    await eventually('the fault is logged', () => blocked.lines.find((line) => /^warn: a post-mortem could not be written; the next start tries again: .*EEXIST/.test(line)))
    await blocked.writer.close()
    rmSync(path)

    await (await writerOf(opened, { now: () => START_MS + 8 * DAY_MS })).writer.close()
    expect(existsSync(path)).toBe(false)
    const { until, writer } = await writerOf(opened)
    await until(1)
    await writer.close()
    opened.registry.events.prune({ before: Infinity, keepMax: 0, limit: 1_000 })
    await (await writerOf(opened)).until(1)
    expect(filesOf(opened)).toEqual(reportsOf(opened.rollout))
  })

  it('are given up when they take too long, and put off when too many wait', async () => {
    const opened = await rolloutIn('rolled-back')
    const { lines } = await writerOf(opened, { timeoutMs: 1, queueMax: 1 })
    for (let i = 0; i < 3; i++) lead(opened, null, 'failed')

    await eventually('all is logged', () => lines.length >= 3)
    expect(lines).toContain('warn: a post-mortem could not be written; the next start tries again: it took longer than 1 ms')
    expect(lines.filter((line) => line.includes('put off until the next start: too many wait'))).toHaveLength(2)
  })

  it('are written by a gateway beside its work, and by the next one when they are missing', async () => {
    let gateway = await runGateway(folder.dataDir)
    onTestFinished(async () => { await gateway.close() })
    const written = async (id: string, count: number) => await eventually('it is told', async () => {
      const all = (await call(gateway.url, `/api/events?rollout=${id}&limit=1000`)).json as EventRow[]
      return all.filter(({ type }) => type === 'rollout.report').length === count
    })
    const { id } = await startRollout(gateway.url, { model: 'lookup', challenger: '2', postMortem: undefined, strategy: { canary: { steps: [{ setWeight: 100 }, { pause: {} }] } } })
    await eventually('it is under way', async () => (await rolloutOf(gateway.url, id)).state === 'paused')
    await call(gateway.url, `/api/rollouts/${id}/rollback`, { reason: 'as I say' })
    expect(await ask(gateway.url, 3, 'anybody')).toMatchObject({ value: 3, arm: 'champion' })
    await written(id, 1)
    const path = join(folder.dataDir, 'reports', id)

    expect(readFileSync(`${path}.md`, 'utf8')).toBe((await call(gateway.url, `/api/rollouts/${id}/report?format=md`)).json)
    expect(readFileSync(`${path}.html`, 'utf8')).toMatch(/^<!doctype html>[^]*as I say[^]*<\/html>\n$/)
    await gateway.close()
    rmSync(`${path}.html`)
    gateway = await runGateway(folder.dataDir)
    await written(id, 2)
    expect(existsSync(`${path}.html`)).toBe(true)
  })
})
