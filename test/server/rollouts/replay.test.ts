import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterAll, describe, expect, it } from 'vitest'
import type { Registry } from '../../../registry/registry.js'
import { beginning } from '../../../registry/rollouts/transition.js'
import type { Outcome } from '../../../server/inference.js'
import { replayVerdict } from '../../../server/rollouts/replay.js'
import { NO_VERDICT, OpenTrial } from '../../../server/rollouts/trial.js'
import { gauntlet } from '../../support/command.js'
import { BY, removeTemplate, rolloutIn } from '../../support/registry-rollouts.js'

afterAll(removeTemplate)

const metrics = [
  { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.05 } },
  { name: 'p95', source: 'latency', quantile: 0.95, role: 'critical', margin: { relative: 0.5 } },
  { name: 'accuracy', source: 'feedback', key: 'correct', role: 'primary', direction: 'up', margin: { absolute: 0.05 } },
  { name: 'value', source: 'feedback', key: 'value', role: 'monitor', direction: 'up' }
]
const spec = {
  model: 'm', challenger: '2', strategy: { canary: { steps: [{ setWeight: 50 }, { analysis: {} }] } }, analysis: { minSamples: 50, metrics }
}

/** A rollout that was fed with requests and feedback, and whose verdicts were stored on the way, the last as acted on. */
async function judged (): Promise<{ registry: Registry, id: string, dataDir: string }> {
  const { registry, dataDir } = await rolloutIn('pending')
  registry.rollouts.apply('r1', 'rollback', { epoch: 0, ...BY })
  const { id } = registry.rollouts.create({ model: 'm', champion: '1', challenger: '2', spec, salt: 's', ...BY })
  registry.rollouts.apply(id, 'start', { epoch: 0, ...BY })
  registry.rollouts.apply(id, 'warmed', { epoch: 1, ...BY })
  const patch = { step: 1, stage: 1, weightBps: 5_000, details: { startedAt: 1_000, stageStartedAt: 1_000 } }
  const trial = new OpenTrial(registry.rollouts.apply(id, 'advance', { epoch: 2, ...BY, patch }))
  for (let i = 0; i < 3_000; i++) {
    const bucket = i * 7_919 % 10_000
    const arm = bucket < 5_000 ? 'challenger' : 'champion'
    const at = 2_000 + i * 3_000
    const outcome = { stage: 1, weightBps: 5_000, arm, failed: i % 97 === 0, bucket, latencyMs: 5 + (i * 31 % 17) / 7 }
    trial.observe(outcome as Outcome, at)
    const isRight = i % 10 < (arm === 'challenger' ? 9 : 6)
    trial.feedback({ ...outcome, at } as Outcome & { at: number }, bucket, { key: 'correct', value: isRight ? 1 : 0, at })
    trial.feedback({ ...outcome, at } as Outcome & { at: number }, bucket, { key: 'value', value: Math.sin(i) * 1e3 - 1 / 3, at })
    if (i % 20 !== 19) continue
    trial.look(at)
    trial.save(registry.rollouts, at)
  }
  trial.look(9_003_000)
  registry.rollouts.saveVerdict(id, trial.conclude(9_003_000, true)!)
  return { registry, id, dataDir }
}

describe('gauntlet verdict replay', () => {
  it('recomputes every verdict of a rollout to the same bytes, whatever was measured', async () => {
    const { id, dataDir } = await judged()

    const { code, out } = await gauntlet('verdict', 'replay', id, '--data-dir', dataDir, '--json')

    const report = JSON.parse(out) as { verdicts: { outcome: string, decision: string, acted: boolean, number: number }[] }
    expect([code, report]).toMatchObject([0, { rollout: id, saved: 151, dropped: 0, different: 0, unknown: 0 }])
    expect(report.verdicts.every(({ outcome }) => outcome === 'equal')).toBe(true)
    expect(report.verdicts.at(-1)).toMatchObject({ number: 151, decision: 'promote', acted: true })
    expect(new Set(report.verdicts.map(({ decision }) => decision))).toEqual(new Set(['continue', 'promote']))
  })

  it('tells the first difference of a verdict that was tampered with, and ends with exit code 7', async () => {
    const { registry, id, dataDir } = await judged()
    const client = new BetterSqlite3(join(dataDir, 'gauntlet.db'))
    client.exec('DROP TRIGGER rollout_verdicts_no_update')
    client.prepare("UPDATE rollout_verdicts SET verdict = json_set(verdict, '$.metrics[0].n.champion', 9) WHERE rollout_id = ? AND number = 100").run(id)
    client.prepare("UPDATE rollout_verdicts SET decision = 'pause' WHERE rollout_id = ? AND number = 101").run(id)
    client.prepare("UPDATE rollout_verdicts SET evidence = json_set(evidence, '$.elapsedMs', 5), analysis = NULL WHERE number = 151").run()
    client.close()
    const n = (registry.rollouts.verdicts(id, 60).find(({ number }) => number === 99)?.verdict as { metrics: { n: { champion: number } }[] }).metrics[0]!.n.champion

    const { code, out, talk } = await gauntlet('verdict', 'replay', id, '--data-dir', dataDir)

    expect(n).toBeGreaterThan(50)
    expect(code).toBe(7)
    expect(out).toMatch(/^100 .* different +metrics\.0\.n\.champion is stored as 9 and comes out as \d+$/m)
    expect(out).toMatch(/^101 .* different +decision is stored as "pause" and comes out as "(continue|promote)"$/m)
    expect(out).toMatch(/^151 .* different +it is not the one the audit trail names by sha256:[0-9a-f]{64}$/m)
    expect(out).toMatch(/^148 equal, 3 different; 0 of 151 were dropped, none of which moved the rollout$/m)
    expect(talk).toContain('verdict 100: metrics.0.n.champion')
    expect(registry.audit().verify().ok).toBe(true)
  })

  it('cannot recompute what an older release stored, and says so', async () => {
    const { registry, id, dataDir } = await judged()
    const [stored] = registry.rollouts.verdicts(id, 1)

    expect(replayVerdict({ ...stored!, analysis: null }, null)).toMatchObject({ outcome: 'unknown', difference: null })
    expect(replayVerdict({ ...stored!, analysis: {} }, null)).toMatchObject({
      outcome: 'different', difference: expect.stringMatching(/^verdict is stored as \{.*… and comes out as "no verdict: /) as string
    })
    expect((await gauntlet('verdict', 'replay', 'none', '--data-dir', dataDir)).code).toBe(3)
  })

  it('recomputes what the breaker concluded alone, where no metric was asked for', () => {
    const bare = { model: 'm', challenger: '2', strategy: { canary: { steps: [{ setWeight: 50 }, { pause: {} }] } } }
    const trial = new OpenTrial({
      ...beginning({ id: 'r1', model: 'm', champion: '1', challenger: '2', spec: bare, salt: 's', reason: 'try' }, 0),
      state: 'progressing',
      stage: 1,
      weightBps: 5_000
    })
    expect([trial.look(1), trial.conclude(1, true)]).toEqual([NO_VERDICT, null])
    for (let at = 1; trial.breach === null; at++) {
      trial.observe({ stage: 1, weightBps: 5_000, arm: 'challenger', failed: true, bucket: at, latencyMs: 1 } as Outcome, at)
    }

    const stored = { ...trial.conclude(99, true)!, number: 1 }

    expect(stored).toMatchObject({ decision: 'rollback', acted: true, reason: trial.breach, verdict: { rule: 1, metrics: [] }, news: { rule: 1 } })
    expect(replayVerdict(stored, null)).toMatchObject({ outcome: 'equal' })
    expect(replayVerdict({ ...stored, decision: 'promote' }, null)).toMatchObject({ outcome: 'different' })
  })

  it('tells others of verdicts that say something new, and not of the same again', async () => {
    const { registry, id } = await judged()

    const events = registry.events.list({ after: 0, limit: 1_000, rolloutId: id })
    const verdicts = events.filter(({ type }) => type === 'rollout.verdict')

    expect(events.slice(0, 4).map(({ type }) => type)).toEqual(['rollout.create', 'rollout.start', 'rollout.warmed', 'rollout.advance'])
    expect(verdicts.length).toBeLessThan(20)
    expect(verdicts.at(-1)!.body).toMatchObject({ decision: 'promote', rule: 4, acted: true, number: 151, metrics: [{ name: 'errors' }, {}, {}, {}] })
  })
})
