import { describe, expect, it } from 'vitest'
import { gauntlet } from '../../support/command.js'

async function plan (...args: string[]): Promise<Record<string, number | null>> {
  const { code, out, talk } = await gauntlet('power', ...args, '--json')
  expect({ code, talk }).toEqual({ code: 0, talk: '' })
  return JSON.parse(out) as Record<string, number | null>
}

describe('gauntlet power means', () => {
  // Cohen (1988), table 2.4.1: d = 0.5, two-sided 0.05, power 0.80 needs 64 a group; by the normal approximation 63.
  it('tells how many requests an effect needs, and how many days', async () => {
    expect(await plan('means', '--sd', '1', '--effect', '0.5', '--per-day', '63')).toEqual({ perArm: 63, perArmT: 64, total: 126, days: 2 })
  })

  it('tells which effect so many requests detect, and with which power', async () => {
    const { detectableEffect } = await plan('means', '--sd', '1', '--per-arm', '63')
    const { power } = await plan('means', '--sd', '1', '--per-arm', '63', '--effect', '0.5')

    expect(detectableEffect).toBeCloseTo(0.4991, 3)
    expect(power).toBeCloseTo(0.8013, 3)
  })

  it('needs a quarter of the requests for pairs of half the deviation of two arms', async () => {
    const arms = await plan('means', '--sd', '1', '--effect', '0.1')
    const pairs = await plan('means', '--sd', '1', '--effect', '0.1', '--paired')
    const { power } = await plan('means', '--sd', '1', '--effect', '0.1', '--paired', '--per-arm', String(pairs['pairs']))

    expect(pairs['pairs']! / arms['total']!).toBeCloseTo(0.25, 2)
    expect(power).toBeCloseTo(0.8, 2)
  })
})

describe('gauntlet power proportions', () => {
  // Fleiss, Levin, Paik (2003), table A.4 without continuity correction: 0.1 against 0.2 at 0.05 and 0.80 is 199 pooled.
  it('tells how many requests a change of a rate needs', async () => {
    expect(await plan('proportions', '--from', '0.1', '--to', '0.2')).toEqual({ perArm: 197, perArmPooled: 199, perArmArcsine: 195, total: 394 })
  })
})

describe('gauntlet power sequential', () => {
  const margin = ['sequential', '--sd', '0.2', '--margin', '0.01']

  it('tells how long a trial takes that is looked at all the time', async () => {
    const { median, atPower, fixed, days } = await plan(...margin, '--per-day', '20000') as Record<string, number>

    expect(median!).toBeGreaterThan(fixed!)
    expect(atPower!).toBeGreaterThan(median!)
    expect(days!).toBeCloseTo(atPower! / 20_000, 12)
  })

  it('tells which margin can be shown in some days, and that margin takes so many days', async () => {
    const { marginInDays } = await plan(...margin, '--per-day', '20000', '--days', '7') as Record<string, number>
    const { days } = await plan('sequential', '--sd', '0.2', '--margin', String(marginInDays), '--per-day', '20000') as Record<string, number>

    expect(days!).toBeCloseTo(7, 3)
  })

  it('takes a rate for the deviation, and needs more for an unequal share', async () => {
    const half = await plan('sequential', '--rate', '0.5', '--margin', '0.1')
    const tenth = await plan('sequential', '--rate', '0.5', '--margin', '0.1', '--share', '0.1')

    expect(half).toEqual(await plan('sequential', '--sd', '0.5', '--margin', '0.1'))
    expect(tenth['fixed']! / half['fixed']!).toBeCloseTo(25 / 9, 1)
  })

  it('prints what it found in words', async () => {
    const { out } = await gauntlet('power', ...margin, '--per-day', '20000')

    expect(out).toMatch(/^requests of both arms until it is decided with power 0\.8 +[\d,]+$/m)
    expect(out).toMatch(/^days at 20000 per day +\d/m)
  })

  it.each<[string, number, string[], RegExp]>([
    ['nothing to show', 4, ['sequential', '--sd', '1'], /nothing can ever be shown/],
    ['a loss beyond the margin', 4, ['sequential', '--sd', '1', '--margin', '0.1', '--effect', '-0.2'], /nothing can ever be shown/],
    ['no spread', 4, ['sequential', '--margin', '0.1'], /either --sd or --rate/],
    ['days without traffic', 4, ['sequential', '--sd', '1', '--margin', '0.1', '--days', '3'], /--days needs --per-day/],
    ['too little power', 4, ['sequential', '--sd', '1', '--margin', '0.1', '--power', '0.3'], /power: expected a number from 0\.5/],
    ['neither effect nor requests', 4, ['means', '--sd', '1'], /--effect, --per-arm or both/],
    ['two equal rates', 4, ['proportions', '--from', '0.1', '--to', '0.1'], /p2/],
    ['a negative deviation', 2, ['means', '--sd', '-1', '--effect', '1'], /expected a number above 0/],
    ['an unknown plan', 2, ['guess'], /unknown command/]
  ])('refuses %s', async (_what, code, args, message) => {
    const outcome = await gauntlet('power', ...args)

    expect(outcome).toMatchObject({ code, out: '' })
    expect(outcome.talk).toMatch(message)
  })
})
