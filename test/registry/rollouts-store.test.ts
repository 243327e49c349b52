import { join } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'
import { afterAll, describe, expect, it, onTestFinished } from 'vitest'
import { ROLLOUT_STATES } from '../../registry/rollouts/machine.js'
import type { NewVerdict } from '../../registry/rollouts/rollout.js'
import { verdictDigest } from '../../registry/rollouts/verdicts.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, publishVersions, START_MS } from '../support/registry-fixtures.js'
import { BY, createIn, EVENTS, LEGAL, removeTemplate, rolloutIn } from '../support/registry-rollouts.js'

afterAll(removeTemplate)

function codeOf (act: () => unknown): string | null {
  try {
    act()
  } catch (error) {
    return (error as { code: string }).code
  }
  return null
}

describe('creating a rollout', () => {
  it('makes a pending one at weight 0', async () => {
    const { rollout, registry } = await rolloutIn('pending')
    expect(rollout).toEqual({
      id: 'r1',
      model: 'm',
      champion: '1',
      challenger: '2',
      state: 'pending',
      step: 0,
      weightBps: 0,
      salt: 'salt',
      hashing: 'murmur3-10k',
      epoch: 0,
      spec: { kind: 'canary' },
      reason: 'because',
      stage: 0,
      pausedUntil: null,
      details: {},
      createdAt: START_MS,
      updatedAt: START_MS,
      endedAt: null,
      reverted: null
    })
    expect(registry.audit().list({ subject: 'r1' })).toMatchObject([{ action: 'rollout.create', ...BY, details: { model: 'm', champion: '1', challenger: '2' } }])
  })

  it('is refused while the model has one that is not final, and only then', async () => {
    for (const state of ROLLOUT_STATES) {
      const { registry, rollout } = await rolloutIn(state)
      const champion = registry.alias('m', 'champion')!
      const code = codeOf(() => registry.rollouts.create({ model: 'm', champion, challenger: '3', spec: {}, salt: 's', ...BY }))
      expect([state, code]).toEqual([state, rollout.endedAt === null ? 'ROLLOUT_OPEN' : null])
    }
  })

  it('needs two known, different versions, one being the champion', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    const create = (change: object) => codeOf(() => registry.rollouts.create({ model: 'm', champion: '1', challenger: '2', spec: {}, salt: 's', ...BY, ...change }))
    expect(create({ model: 'q' })).toBe('MODEL_NOT_FOUND')
    expect(create({ challenger: '9' })).toBe('VERSION_NOT_FOUND')
    expect(create({ challenger: '1' })).toBe('ROLLOUT_CONFLICT')
    expect(create({ champion: '2', challenger: '1' })).toBe('ALIAS_CONFLICT')
    expect(registry.rollouts.list()).toEqual([])
  })

  it('gives every rollout an id of its own', async () => {
    const { registry } = openRegistry({ newId: () => 'same' })
    await publishVersions(registry, ['1', '2', '3'])
    createIn(registry, 'failed')
    expect(() => createIn(registry, 'pending')).toThrow(/UNIQUE/)
    expect(registry.rollouts.list()).toHaveLength(1)
  })
})

describe('an event', () => {
  it.each(LEGAL)('%s --%s--> %s is stored with history and audit', async (from, event, to) => {
    const { registry, rollout, tick } = await rolloutIn(from)
    tick(7)

    const changed = registry.rollouts.apply(rollout.id, event, { epoch: rollout.epoch, actor: 'bob', reason: 'so' })

    const isEnd = ['promoted', 'rolled-back', 'failed'].includes(to)
    expect(changed).toMatchObject({ state: to, epoch: rollout.epoch + 1, reason: 'so', updatedAt: START_MS + 7, endedAt: isEnd ? START_MS + 7 : null })
    expect(registry.rollouts.get(rollout.id)).toEqual(changed)
    expect(registry.rollouts.history(rollout.id).at(-1)).toEqual({
      epoch: changed.epoch, at: START_MS + 7, event, from, to, step: 0, weightBps: 0, actor: 'bob', reason: 'so'
    })
    expect(registry.audit().list({ subject: rollout.id, limit: 1 })).toMatchObject([{ action: `rollout.${event}`, actor: 'bob', reason: 'so', details: { from, to } }])
  })

  it.each(ROLLOUT_STATES)('that a %s rollout does not allow changes nothing', async (state) => {
    const { registry, rollout } = await rolloutIn(state)
    const refused = EVENTS.filter((event) => !LEGAL.some(([from, listed]) => from === state && listed === event))
    const audited = registry.audit().list().length

    for (const event of refused) {
      expect(codeOf(() => registry.rollouts.apply(rollout.id, event, { epoch: rollout.epoch, ...BY }))).toBe('ILLEGAL_TRANSITION')
    }

    expect(registry.rollouts.get(rollout.id)).toEqual(rollout)
    expect(registry.audit().list()).toHaveLength(audited)
  })

  it('decided on a stale epoch is refused', async () => {
    const { registry, rollout } = await rolloutIn('progressing')
    for (const epoch of [rollout.epoch - 1, rollout.epoch + 1]) {
      expect(() => registry.rollouts.apply(rollout.id, 'advance', { epoch, ...BY })).toThrow(expect.objectContaining({
        code: 'ROLLOUT_CONFLICT', message: `rollout r1 is at epoch 2, not ${epoch}: someone else changed it, read it again`
      }))
    }
    expect(registry.rollouts.get(rollout.id)).toEqual(rollout)
  })

  it('of two writers who read the same epoch lets one win', async () => {
    const { registry, dataDir, rollout } = await rolloutIn('progressing')
    const other = openRegistry({ dataDir })
    registry.rollouts.apply(rollout.id, 'pause', { epoch: rollout.epoch, ...BY })
    expect(codeOf(() => other.registry.rollouts.apply(rollout.id, 'promote', { epoch: rollout.epoch, ...BY }))).toBe('ROLLOUT_CONFLICT')
    expect(other.registry.rollouts.get(rollout.id).state).toBe('paused')
  })

  it('may carry step, weight, stage and details', async () => {
    const { registry, rollout } = await rolloutIn('progressing')
    const patch = { step: 2, weightBps: 2_500, stage: 3, details: { a: [1, 'x', null] } }

    const changed = registry.rollouts.apply(rollout.id, 'advance', { epoch: rollout.epoch, ...BY, patch })

    expect(changed).toMatchObject(patch)
    expect(registry.rollouts.history(rollout.id).at(-1)).toMatchObject({ step: 2, weightBps: 2_500 })
  })

  it.each([-1, 10_001, 0.5, NaN])('with the weight %s is refused whole', async (weightBps) => {
    const { registry, rollout } = await rolloutIn('progressing')
    expect(() => registry.rollouts.apply(rollout.id, 'advance', { epoch: rollout.epoch, ...BY, patch: { weightBps } })).toThrow(RangeError)
    expect(registry.rollouts.get(rollout.id)).toEqual(rollout)
  })

  it.each(['rollback', 'fail'] as const)('%s takes the weight to 0, whatever the patch says', async (event) => {
    const { registry, rollout } = await rolloutIn('progressing')
    const { epoch } = registry.rollouts.apply(rollout.id, 'advance', { epoch: rollout.epoch, ...BY, patch: { weightBps: 5_000 } })
    expect(registry.rollouts.apply(rollout.id, event, { epoch, ...BY, patch: { weightBps: 9_000, details: { why: 1 } } })).toMatchObject({ weightBps: 0, details: { why: 1 } })
  })

  it('pause keeps until when, and leaving the pause forgets it', async () => {
    const { registry, rollout } = await rolloutIn('progressing')
    const paused = registry.rollouts.apply(rollout.id, 'pause', { epoch: rollout.epoch, ...BY, patch: { pausedUntil: 99 } })
    expect(paused.pausedUntil).toBe(99)
    const again = registry.rollouts.apply(rollout.id, 'pause', { epoch: paused.epoch, ...BY })
    expect(again.pausedUntil).toBe(99)
    expect(registry.rollouts.apply(rollout.id, 'resume', { epoch: again.epoch, ...BY }).pausedUntil).toBeNull()
  })

  it('for an unknown rollout is refused', async () => {
    const { registry } = openRegistry()
    const { rollouts } = registry
    const calls = [
      () => rollouts.get('x'), () => rollouts.apply('x', 'start', { epoch: 0, ...BY }), () => rollouts.revert('x', BY), () => rollouts.history('x'),
      () => rollouts.verdicts('x'), () => rollouts.saveVerdict('x', verdictAt(0))
    ]
    for (const call of calls) expect(codeOf(call)).toBe('ROLLOUT_NOT_FOUND')
  })
})

describe('completing a promotion', () => {
  it('moves the champion with the state', async () => {
    const { registry, rollout, dataDir } = await rolloutIn('promoting')

    const promoted = registry.rollouts.apply(rollout.id, 'complete', { epoch: rollout.epoch, actor: 'bob', reason: 'better' })

    expect(promoted).toMatchObject({ state: 'promoted', endedAt: START_MS })
    expect(registry.alias('m', 'champion')).toBe('2')
    expect(registry.previousChampion('m')).toBe('1')
    expect(registry.aliasHistory('m', 'champion')[0]).toEqual({ version: '2', previous: '1', at: START_MS, actor: 'bob', reason: 'better' })
    expect(openRegistry({ dataDir }).registry.show('m', '2').aliases).toEqual(['champion'])
  })

  it('is all or nothing: a champion that is another by now keeps the rollout promoting', async () => {
    const { registry, rollout, dataDir } = await rolloutIn('promoting')
    const { default: BetterSqlite3 } = await import('better-sqlite3')
    const client = new BetterSqlite3(`${dataDir}/gauntlet.db`)
    client.exec("UPDATE aliases SET version = '3'")
    client.close()
    const audited = registry.audit().list().length

    expect(codeOf(() => registry.rollouts.apply(rollout.id, 'complete', { epoch: rollout.epoch, ...BY }))).toBe('ALIAS_CONFLICT')

    expect(registry.rollouts.get(rollout.id)).toEqual(rollout)
    expect(registry.rollouts.history(rollout.id)).toHaveLength(1)
    expect(registry.audit().list()).toHaveLength(audited)
    expect(registry.alias('m', 'champion')).toBe('3')
  })
})

describe('reverting a promotion', () => {
  it('brings the champion back and records it; the rollout stays promoted', async () => {
    const { registry, rollout, tick } = await rolloutIn('promoted')
    tick(9)

    const reverted = registry.rollouts.revert(rollout.id, { actor: 'bob', reason: 'complaints' })

    expect(reverted).toMatchObject({ state: 'promoted', endedAt: START_MS, epoch: rollout.epoch + 1, reverted: { at: START_MS + 9, actor: 'bob', reason: 'complaints' } })
    expect(registry.alias('m', 'champion')).toBe('1')
    expect(registry.rollouts.history(rollout.id).at(-1)).toMatchObject({ event: 'revert', from: 'promoted', to: 'promoted', actor: 'bob' })
    expect(registry.audit().list({ subject: rollout.id, limit: 1 })).toMatchObject([{ action: 'rollout.revert', reason: 'complaints' }])
  })

  it('works once', async () => {
    const { registry, rollout } = await rolloutIn('promoted')
    registry.rollouts.revert(rollout.id, BY)
    expect(() => registry.rollouts.revert(rollout.id, BY)).toThrow(expect.objectContaining({ code: 'ILLEGAL_TRANSITION', message: 'rollout r1 was reverted already' }))
  })

  it.each(ROLLOUT_STATES.filter((state) => state !== 'promoted'))('is refused for a %s rollout', async (state) => {
    const { registry, rollout } = await rolloutIn(state)
    expect(codeOf(() => registry.rollouts.revert(rollout.id, BY))).toBe('ILLEGAL_TRANSITION')
    expect(registry.alias('m', 'champion')).toBe('1')
  })

  it('is refused when the model has a newer rollout, open or not', async () => {
    for (const state of ['pending', 'rolled-back'] as const) {
      const { registry, rollout } = await rolloutIn('promoted')
      createIn(registry, state, '3')
      expect(codeOf(() => registry.rollouts.revert(rollout.id, BY))).toBe('ILLEGAL_TRANSITION')
      expect(registry.alias('m', 'champion')).toBe('2')
    }
  })

  it('is refused when the champion was moved by hand since', async () => {
    const { registry, rollout } = await rolloutIn('promoted')
    registry.setAlias({ name: 'm', alias: 'champion', version: '3', ...BY })
    expect(codeOf(() => registry.rollouts.revert(rollout.id, BY))).toBe('ALIAS_CONFLICT')
    expect(registry.rollouts.get(rollout.id)).toEqual(rollout)
  })
})

describe('looking rollouts up', () => {
  it('gives the newest first, the open ones, and the latest of a model', async () => {
    const { registry } = await rolloutIn('rolled-back')
    createIn(registry, 'failed')
    const third = createIn(registry, 'paused', '3')
    await registry.publish({ path: folderOf({ 'model.onnx': modelBytes('q') }), name: 'q', version: '1', actor: 'ann' }, fakeInspect)

    expect(registry.rollouts.list().map(({ id }) => id)).toEqual(['r3', 'r2', 'r1'])
    expect(registry.rollouts.list('m')).toHaveLength(3)
    expect(registry.rollouts.list('q')).toEqual([])
    expect(registry.rollouts.open()).toEqual([third])
    expect(registry.rollouts.latest('m')).toEqual(third)
    expect(registry.rollouts.latest('q')).toBeNull()
  })

  it('thins verdicts out beyond the bound, but never those that moved the rollout', async () => {
    const { registry } = openRegistry({ verdictsMax: 10 })
    await publishVersions(registry, ['1', '2'])
    const { id } = registry.rollouts.create({ model: 'm', champion: '1', challenger: '2', spec: {}, salt: 's', ...BY })
    for (let at = 1; at <= 60; at++) registry.rollouts.saveVerdict(id, verdictAt(at, at === 3 || at === 8))

    const kept = registry.rollouts.verdicts(id).map(({ at }) => at)

    expect(kept).toEqual([60, 59, 58, 57, 56, 55, 49, 33, 17, 8, 3, 1])
    expect(registry.rollouts.verdicts(id).map(({ number }) => number)).toEqual(kept)
    expect([...registry.rollouts.eachVerdict(id)].map(({ at }) => at)).toEqual([...kept].reverse())
    expect(registry.rollouts.countVerdicts(id)).toEqual({ saved: 60, kept: kept.length })
  })

  it('gives verdicts with all they were drawn from, newest first, as they were saved', async () => {
    const { registry, rollout } = await rolloutIn('progressing')
    const verdicts = Array.from({ length: 150 }, (_, index) => ({ ...verdictAt(index), verdict: { metrics: [index, null, 0.1 + 0.2] } }))
    for (const verdict of verdicts) registry.rollouts.saveVerdict(rollout.id, verdict)

    expect(registry.rollouts.verdicts(rollout.id, 2)).toEqual([{ ...verdicts[149], number: 150 }, { ...verdicts[148], number: 149 }])
    expect(registry.rollouts.verdicts(rollout.id)).toHaveLength(100)
    expect([...registry.rollouts.eachVerdict(rollout.id)]).toHaveLength(150)
  })

  it('names a verdict that moved the rollout in the audit trail, by a digest of all that is kept of it', async () => {
    const { registry, rollout } = await rolloutIn('progressing')
    registry.rollouts.saveVerdict(rollout.id, verdictAt(1))
    registry.rollouts.saveVerdict(rollout.id, verdictAt(2, true))
    const [acted] = registry.rollouts.verdicts(rollout.id, 1)

    expect(registry.audit().list({ subject: rollout.id }).filter(({ action }) => action === 'rollout.verdict')).toMatchObject([
      { actor: 'gauntlet/1.2.3', at: 2, details: { number: 2, decision: 'promote', digest: verdictDigest(acted!) } }
    ])
    expect(verdictDigest({ ...acted!, evidence: { strata: [1] } })).not.toBe(verdictDigest(acted!))
  })

  it('refuses to change a verdict, and to drop one that moved the rollout', async () => {
    const { registry, rollout, dataDir } = await rolloutIn('progressing')
    registry.rollouts.saveVerdict(rollout.id, verdictAt(1, true))
    const client = new BetterSqlite3(join(dataDir, 'gauntlet.db'))
    onTestFinished(() => { client.close() })

    expect(() => client.exec('UPDATE rollout_verdicts SET at = 2')).toThrow(/immutable/)
    expect(() => client.exec('DELETE FROM rollout_verdicts')).toThrow(/never dropped/)
    expect(() => client.exec('INSERT OR REPLACE INTO rollout_verdicts SELECT * FROM rollout_verdicts')).toThrow(/immutable/)
  })
})

describe('events', () => {
  it('tell of every transition and of verdicts that are news, numbered in their order', async () => {
    const { registry } = openRegistry()
    await publishVersions(registry, ['1', '2'])
    const { id } = registry.rollouts.create({ model: 'm', champion: '1', challenger: '2', spec: {}, salt: 's', ...BY })
    registry.rollouts.apply(id, 'start', { epoch: 0, ...BY })
    registry.rollouts.saveVerdict(id, verdictAt(1))
    registry.rollouts.saveVerdict(id, { ...verdictAt(2), news: { decision: 'continue' } })
    registry.rollouts.apply(id, 'promote', { epoch: 1, ...BY })

    expect(registry.events.list({ after: 0, limit: 100 })).toMatchObject([
      { id: 1, type: 'rollout.create', rolloutId: id, model: 'm', body: { to: 'pending', ...BY } },
      { id: 2, type: 'rollout.start', body: { from: 'pending', to: 'warming', epoch: 1 } },
      { id: 3, type: 'rollout.verdict', at: 2, body: { number: 2, decision: 'continue' } },
      { id: 4, type: 'rollout.promote' }
    ])
    expect(registry.events.list({ after: 2, limit: 1, rolloutId: id }).map((event) => event.id)).toEqual([3])
    expect(registry.events.list({ after: 0, limit: 9, rolloutId: 'x' })).toEqual([])
  })

  it('has the verdict before the move that it asked for, and both or neither is stored', async () => {
    const { registry, rollout } = await rolloutIn('progressing')
    const { epoch } = rollout
    const verdict = { ...verdictAt(7, true), news: { decision: 'rollback' } }

    expect(() => registry.rollouts.apply(rollout.id, 'complete', { epoch, ...BY, verdict })).toThrow()
    expect(registry.rollouts.verdicts(rollout.id)).toEqual([])
    registry.rollouts.apply(rollout.id, 'rollback', { epoch, ...BY, verdict })

    expect(registry.rollouts.verdicts(rollout.id)).toMatchObject([{ number: 1, at: 7, acted: true }])
    const [told, moved] = registry.events.list({ after: 0, limit: 99, rolloutId: rollout.id }).slice(-2)
    expect([told?.type, moved?.type]).toEqual(['rollout.verdict', 'rollout.rollback'])
    const actions = registry.audit().list({ subject: rollout.id }).map(({ action }) => action)
    expect(actions.slice(0, 2)).toEqual(['rollout.rollback', 'rollout.verdict'])
  })

  it('are not written of what is refused', async () => {
    const { registry, rollout } = await rolloutIn('progressing')
    const before = registry.events.list({ after: 0, limit: 99 })

    expect(() => registry.rollouts.apply(rollout.id, 'complete', { epoch: rollout.epoch, ...BY })).toThrow()
    expect(() => registry.rollouts.apply(rollout.id, 'pause', { epoch: 99, ...BY })).toThrow()

    expect(registry.events.list({ after: 0, limit: 99 })).toEqual(before)
  })
})

function verdictAt (at: number, acted = false): NewVerdict {
  const decision = acted ? 'promote' : 'continue'
  return { at, decision, reason: `r${at}`, verdict: { decision }, evidence: { strata: [] }, analysis: { alpha: 0.05 }, acted, engine: '1.2.3' }
}
