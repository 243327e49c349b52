import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { afterAll, describe, expect, it } from 'vitest'
import type { Registry } from '../../../registry/registry.js'
import type { RolloutHistoryEntry } from '../../../registry/rollouts/rollout.js'
import { beginning } from '../../../registry/rollouts/transition.js'
import type { Outcome } from '../../../server/inference.js'
import { buildReport, type ReportSource } from '../../../server/rollouts/report/build.js'
import { readReport, renderReport } from '../../../server/rollouts/report/read.js'
import { thin } from '../../../server/rollouts/report/thin.js'
import { OpenTrial } from '../../../server/rollouts/trial.js'
import { gauntlet } from '../../support/command.js'
import { BY, removeTemplate, rolloutIn } from '../../support/registry-rollouts.js'
import { START_MS as START } from '../../support/registry-fixtures.js'

afterAll(removeTemplate)

const ENGINE = { actor: 'gauntlet', reason: 'as the plan says' }
const HOSTILE = '</td><script>alert(1)</script>"\'|`*_x_*\n# ![a](javascript:alert(1)) \u202e'
const errors = { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.02 } }
const speed = { name: 'slow', source: 'latency', limit: '7ms', role: 'monitor', margin: { relative: 0.1 } }
const specOf = (...metrics: object[]) => ({
  model: 'm', challenger: '2', strategy: { canary: { steps: [{ setWeight: 50 }, { analysis: {} }] } }, analysis: { minSamples: 50, mode: 'equivalence', metrics }
})

interface Told { readonly failing: number, readonly name?: string, readonly reason?: string, readonly requests?: number }

/** A real rollout that a real trial has judged on the way: every so many-th answer of the challenger fails. */
async function judged ({ failing, name = 'errors', reason = 'faster, they say', requests = 2_000 }: Told): Promise<{ registry: Registry, id: string, dataDir: string, trial: OpenTrial, at: number }> {
  const { registry, dataDir, tick } = await rolloutIn('pending')
  const { rollouts } = registry
  rollouts.apply('r1', 'rollback', { epoch: 0, ...BY })
  const { id } = rollouts.create({ model: 'm', champion: '1', challenger: '2', spec: specOf({ ...errors, name }, speed), salt: 's', actor: 'ann', reason })
  rollouts.apply(id, 'start', { epoch: 0, ...ENGINE })
  rollouts.apply(id, 'warmed', { epoch: 1, ...ENGINE })
  const patch = { step: 1, stage: 1, weightBps: 5_000, details: { startedAt: START, stageStartedAt: START } }
  const trial = new OpenTrial(rollouts.apply(id, 'advance', { epoch: 2, ...ENGINE, patch }))
  let at = START
  for (let i = 0; i < requests && trial.verdict.decision === 'continue'; i++) {
    const bucket = i * 7_919 % 10_000
    const arm = bucket < 5_000 ? 'challenger' : 'champion'
    const failed = arm === 'challenger' && i % failing === 0
    at += 3_000
    tick(3_000)
    trial.observe({ stage: 1, weightBps: 5_000, arm, failed, bucket, latencyMs: arm === 'challenger' ? 9 : 6 + i % 5 } as Outcome, at)
    if (i % 20 !== 19) continue
    trial.look(at)
    trial.save(rollouts, at)
  }
  return { registry, id, dataDir, trial, at }
}

type Judged = Awaited<ReturnType<typeof judged>>

function end ({ registry, id, trial, at }: Judged, event: 'rollback' | 'promote', isJudged = true, by = ENGINE): void {
  const verdict = trial.conclude(at, isJudged)!
  registry.rollouts.apply(id, event, { epoch: 3, ...by, reason: isJudged ? verdict.reason : by.reason, verdict })
  if (event === 'promote') registry.rollouts.apply(id, 'complete', { epoch: 4, ...ENGINE, reason: verdict.reason })
}

async function harmed (): Promise<Judged> {
  const harmful = await judged({ failing: 8 })
  end(harmful, 'rollback')
  return harmful
}

describe('the report of a rollout', () => {
  it('tells of harm: what decided by how much, who was exposed for how long, what to do; the same in Markdown and HTML', async () => {
    const harmful = await harmed()
    const report = readReport(harmful.registry, harmful.id, harmful.at)

    const [metric] = harmful.trial.verdict.metrics
    expect(report).toMatchObject({
      champion: { version: '1', digest: expect.stringMatching(/^sha256:/) as string },
      strategy: 'canary',
      opened: { actor: 'ann', reason: 'faster, they say' },
      ending: { state: 'rolled-back', cause: 'harm', isJudged: true, isFinal: true },
      decision: { decision: 'rollback', rule: 1, hasDecided: true, breaker: null, metrics: [{ name: 'errors', outcome: 'fail', source: 'errors', estimate: metric!.estimate, upper: metric!.upper, margin: 0.02 }, { isTwoSided: false, marginKind: 'relative' }] },
      exposure: { requests: metric!.n, mirrored: null, weights: [{ weightBps: 0 }, { weightBps: 5_000, durationMs: harmful.at - START, requests: metric!.n }] }
    })
    expect(metric!.upper).toBeLessThan(-0.02)
    expect(report.timeline.entries.map(({ event }) => event)).toEqual(['start', 'warmed', 'advance', 'rollback'])
    expect(report.weights.map(({ weightBps }) => weightBps)).toEqual([0, 5_000, 0])
    expect(report.series[0]!.points.at(-1)).toMatchObject({ estimate: metric!.estimate, lower: metric!.lower })
    expect(report.advice[0]).toMatch(/^Look at the requests that version 2 failed \(errors\)/)
    expect(report.exposure.sessionBuckets!.challenger).toBe(metric!.n.challenger)

    const [markdown, page] = [renderReport(report, 'md'), renderReport(report, 'html')]

    const { number, reason } = report.decision!
    for (const text of [markdown, page]) {
      expect(text).toContain(`This was decided by verdict ${number} of `)
      expect(text).toContain('by rule 1: harm was proven, or the breaker tripped')
      expect(text).toContain(reason)
      expect(text).toContain(report.champion.digest)
    }
    expect(markdown).toMatch(/^\| errors \| critical \| fail \| −0\.\d+ \| \[−0\.\d+, −0\.\d+\] \| 0\.02 \| \d+ \| \d+ \|$/m)
    expect(page.match(/<svg /g)).toHaveLength(3)
    expect(page).toMatch(/<path class="weight" d="M72 88H72V48H708V88H708"\/>/)
    expect(page).toContain('prefers-color-scheme: dark')
    expect(page).not.toMatch(/(src|href)=|url\((?!#cut)|@import|NaN|undefined|Infinity|\[object/)
    expect(JSON.parse(renderReport(report, 'json'))).toEqual(JSON.parse(JSON.stringify(report)))
  })

  it('lets nothing that others wrote become markup', async () => {
    const trial = await judged({ failing: 8, name: 'errors', reason: HOSTILE, requests: 400 })
    end(trial, 'rollback', false, { actor: HOSTILE, reason: HOSTILE })
    const read = readReport(trial.registry, trial.id, trial.at)
    const metrics = read.decision!.metrics.map((metric) => ({ ...metric, name: HOSTILE, reason: HOSTILE }))
    const report = { ...read, decision: { ...read.decision!, metrics }, series: read.series.map((one) => ({ ...one, name: HOSTILE })) }

    const [markdown, page] = [renderReport(report, 'md'), renderReport(report, 'html')]

    expect(page).not.toMatch(/<script|\u202e|<\/td><script/)
    expect(page.match(/&lt;script&gt;alert\(1\)&lt;\/script&gt;&quot;&#39;/g)!.length).toBeGreaterThan(5)
    expect(page).toContain('default-src &#39;none&#39;')
    expect(new Set(page.match(/<\/?[a-zA-Z]+/g)!.map((tag) => tag.replace(/<\/?/, '')))).toEqual(new Set([
      'html', 'head', 'meta', 'title', 'style', 'body', 'h', 'p', 'strong', 'div', 'table', 'tbody', 'tr', 'th', 'td', 'code', 'blockquote', 'ul',
      'li', 'figure', 'figcaption', 'svg', 'line', 'text', 'path', 'clipPath', 'rect', 'g', 'circle', 'thead', 'details', 'summary', 'pre', 'footer'
    ]))
    expect(markdown).not.toMatch(/<script|^# !|[^\\]\]\(javascript/m)
    const rows = markdown.split('\n').filter((line) => line.startsWith('| 20'))
    expect(rows.every((row) => row.replaceAll('\\|', '').split('|').length === 9 || row.split('|').length === 5)).toBe(true)
  })

  it('tells a promotion that was proven from one by hand, and both from one that was taken back', async () => {
    const proven = await judged({ failing: Infinity })
    end(proven, 'promote')
    const tell = ({ registry, id, at }: Judged) => readReport(registry, id, at)
    expect(tell(proven)).toMatchObject({ ending: { state: 'promoted', cause: 'proven' }, decision: { decision: 'promote', rule: 4, hasDecided: true } })
    expect(renderReport(tell(proven), 'md')).toContain(`gauntlet rollout rollback ${proven.id} makes version 1 champion again`)

    proven.registry.rollouts.revert(proven.id, { actor: 'bob', reason: 'users complain' })
    const reverted = tell(proven)
    expect(reverted).toMatchObject({ ending: { cause: 'reverted', actor: 'bob', reason: 'users complain' }, decision: { decision: 'promote', hasDecided: true } })
    expect(renderReport(reverted, 'html')).toMatch(/the promotion was taken back at 20\S+, by bob/)
    expect(reverted.advice).toContainEqual(expect.stringContaining('the last verdict was promote'))

    const early = await judged({ failing: Infinity, requests: 200 })
    end(early, 'promote', false, { actor: 'ann', reason: 'the release is today' })
    expect(tell(early)).toMatchObject({ ending: { cause: 'by-hand', actor: 'ann', reason: 'the release is today' }, decision: { decision: 'continue', hasDecided: false } })
    expect(renderReport(tell(early), 'md')).toContain('No verdict decided this. The last one was verdict ')
  })

  it('tells how a rollout stands that is open, and one of which nothing was measured', async () => {
    const open = await judged({ failing: Infinity, requests: 200 })
    const text = renderReport(readReport(open.registry, open.id, open.at), 'md')
    expect(text).toMatch(/^\*\*It is under way, .* after it was opened\.\*\* as the plan says$/m)
    expect(text).toContain('- Open: errors: about ')

    const { registry } = await rolloutIn('failed')
    const page = renderReport(readReport(registry, 'r1', 0), 'html')
    expect(page).toContain('The rollout failed after 0 ms')
    expect(page).toContain('No verdict was ever drawn.')
    expect(() => readReport(registry, 'r9', 0)).toThrow('there is no rollout "r9"')
  })

  it('names the breaker, the deadline and each rule that waits for a person', () => {
    const row = { ...beginning({ id: 'r1', model: 'm', champion: '1', challenger: '2', spec: specOf(errors), salt: 's', reason: 'try' }, START), stage: 1, weightBps: 5_000 }
    const move = (event: RolloutHistoryEntry['event'], to: RolloutHistoryEntry['to']): RolloutHistoryEntry =>
      ({ epoch: 1, at: START + 9, event, from: 'progressing', to, step: 1, weightBps: 0, ...ENGINE })
    const source = { counts: { saved: 1, kept: 1 }, opened: null, digests: { champion: null, challenger: null }, mirrorBps: () => 0, now: START + 9 }
    const trial = new OpenTrial({ ...row, state: 'progressing' })
    trial.breach = 'circuit breaker: 20 of 20 requests failed'
    const breach = { ...trial.conclude(START + 9, true)!, number: 1 }
    const told = (more: Partial<ReportSource>) => buildReport({ ...source, row, history: [], said: [], last: null, lastActed: more.last ?? null, ...more })
    const gone = { ...row, state: 'rolled-back' as const, endedAt: START + 9 }

    expect(told({ row: gone, history: [move('rollback', 'rolled-back')], last: breach })).toMatchObject({
      ending: { cause: 'breaker' }, decision: { breaker: trial.breach }, advice: [expect.stringMatching(/^Find out why version 2 failed/), expect.anything(), expect.anything()]
    })
    expect(told({ row: gone, history: [move('rollback', 'rolled-back')] })).toMatchObject({ ending: { cause: 'deadline' }, decision: null })
    const paused = { ...row, state: 'paused' as const, details: { pause: 'verdict' } }
    for (const [rule, advice] of [[2, /cannot be trusted/], [3, /trade-off/], [5, /budget/]] as const) {
      const verdict = { ...breach, decision: 'pause', verdict: { ...breach.verdict as object, rule } }
      const report = told({ row: paused, history: [move('pause', 'paused')], last: verdict })
      expect(report).toMatchObject({ ending: { cause: 'verdict', isFinal: false }, decision: { rule, hasDecided: true } })
      expect(report.advice.join(' ')).toMatch(advice)
    }
    expect(told({ row: { ...paused, details: { pause: 'promotion' } } }).ending.cause).toBe('person')
    expect(told({ row: { ...paused, pausedUntil: START + 99 } }).ending.cause).toBe('pause')
  })

  it('shows so many verdicts and transitions and no more: the first, the last, and those that moved the rollout', async () => {
    const { registry, id, at } = await judged({ failing: Infinity, requests: 400 })
    const { saved } = registry.rollouts.countVerdicts(id)
    const numbers = registry.rollouts.verdictNumbers(id)
    const row = registry.rollouts.get(id)
    const history = Array.from({ length: 1_000 }, () => registry.rollouts.history(id)[2]!)

    const { verdicts, series } = readReport(registry, id, at, 8)
    const { timeline } = buildReport({
      row, history, said: [], last: null, lastActed: null, counts: { saved, kept: saved }, opened: null, digests: { champion: null, challenger: null }, mirrorBps: () => 0, now: at
    }, 30)

    expect(numbers.map(({ number }) => number)).toEqual(Array.from({ length: saved }, (_, i) => i + 1))
    expect(saved).toBeGreaterThan(15)
    expect([verdicts, series[0]!.points.at(-1)!.at]).toEqual([{ saved, kept: saved, shown: 8 }, at])
    expect(timeline).toMatchObject({ omitted: 970, entries: { length: 30 } })
    expect(thin([...Array(100).keys()], 8, (i) => i === 7)).toEqual(expect.arrayContaining([0, 7, 99]))
    expect(thin([...Array(100).keys()], 3, () => true)).toEqual([0, 50, 99])
  })
})

describe('gauntlet rollout report', () => {
  it('needs no gateway, prints Markdown or JSON, and writes the page whole', async () => {
    const { id, dataDir } = await harmed()
    const out = join(dataDir, 'report.html')
    const report = (...more: string[]) => gauntlet('rollout', 'report', id, '--data-dir', dataDir, ...more)

    expect(await report()).toMatchObject({ code: 0, out: expect.stringMatching(/^# Rollout \S+: m 1 → 2\n/) as string, talk: '' })
    expect(JSON.parse((await report('--json')).out)).toMatchObject({ rollout: id, ending: { cause: 'harm' } })
    expect(JSON.parse((await report('--format', 'json')).out)).toMatchObject({ rollout: id })
    expect(await report('--out', out)).toEqual({ code: 0, out: '', talk: `wrote ${out}\n` })
    expect(readFileSync(out, 'utf8')).toMatch(/^<!doctype html>[^]*<\/html>\n$/)
    expect(await report('--out', out, '--quiet')).toMatchObject({ code: 0, talk: '' })
    expect(await report('--out', join(dataDir, 'none', 'x.md'))).toMatchObject({ code: 4, talk: expect.stringContaining('cannot be written') as string })
    expect(existsSync(join(dataDir, 'none'))).toBe(false)
    expect((await gauntlet('rollout', 'report', 'r9', '--data-dir', dataDir)).code).toBe(3)
  })
})
