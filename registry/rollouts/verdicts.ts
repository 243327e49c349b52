import { createHash } from 'node:crypto'
import { and, asc, count, desc, eq, gt, lte, max, sql } from 'drizzle-orm'
import type { Connection, Database } from '../database.js'
import { canonicalJson } from '../manifest.js'
import { rolloutVerdicts } from '../schema.js'
import type { NewVerdict, RolloutVerdict } from './rollout.js'

const PAGE_ROWS = 50

/**
 * Keeps a verdict together with all it was drawn from; gives it with its number. Of those that moved nothing at most
 * `keepMax` stay: the newest half, and of all the older ones every second, fourth … one, so that they cover the whole
 * time evenly.
 */
export function insertVerdict (
  connection: Connection, rolloutId: string, verdict: NewVerdict, keepMax: number
): RolloutVerdict {
  const ofRollout = eq(rolloutVerdicts.rolloutId, rolloutId)
  const last = connection.select({ number: max(rolloutVerdicts.number) }).from(rolloutVerdicts).where(ofRollout).get()
  const numbered = { ...verdict, number: (last?.number ?? 0) + 1 }
  connection.insert(rolloutVerdicts).values({ rolloutId, ...numbered }).run()
  const idle = and(ofRollout, eq(rolloutVerdicts.acted, false))
  const kept = connection.select({ count: count() }).from(rolloutVerdicts).where(idle).get()?.count ?? 0
  if (kept > keepMax) {
    const half = Math.floor(keepMax / 2)
    const older = numbered.number - half
    const stride = 2 ** Math.ceil(Math.log2(older / half))
    connection.delete(rolloutVerdicts)
      .where(and(idle, lte(rolloutVerdicts.number, older), sql`(${rolloutVerdicts.number} - 1) % ${stride} <> 0`)).run()
  }
  return numbered
}

/** Newest first. */
export function listVerdicts (connection: Connection, rolloutId: string, limit: number): RolloutVerdict[] {
  return connection.select().from(rolloutVerdicts).where(eq(rolloutVerdicts.rolloutId, rolloutId))
    .orderBy(desc(rolloutVerdicts.id)).limit(limit).all().map(withoutKeys)
}

/** All of them, oldest first, a few at a time: each has its evidence with it. */
export function * eachVerdict (database: Database, rolloutId: string): Generator<RolloutVerdict> {
  let after = 0
  for (;;) {
    const page = database.select().from(rolloutVerdicts)
      .where(and(eq(rolloutVerdicts.rolloutId, rolloutId), gt(rolloutVerdicts.number, after)))
      .orderBy(asc(rolloutVerdicts.number)).limit(PAGE_ROWS).all()
    yield * page.map(withoutKeys)
    if (page.length < PAGE_ROWS) return
    after = page.at(-1)!.number
  }
}

/** The number of each, and whether the rollout moved because of it, oldest first; from an index alone. */
export function verdictNumbers (connection: Connection, rolloutId: string): { number: number, acted: boolean }[] {
  return connection.select({ number: rolloutVerdicts.number, acted: rolloutVerdicts.acted }).from(rolloutVerdicts)
    .where(eq(rolloutVerdicts.rolloutId, rolloutId)).all().sort((a, b) => a.number - b.number)
}

/** What one said and when, without what it was drawn from, which is large; null when it is not there. */
export function verdictSaid (
  connection: Connection, rolloutId: string, number: number
): Pick<RolloutVerdict, 'at' | 'verdict'> | null {
  return connection.select({ at: rolloutVerdicts.at, verdict: rolloutVerdicts.verdict }).from(rolloutVerdicts)
    .where(and(eq(rolloutVerdicts.rolloutId, rolloutId), eq(rolloutVerdicts.number, number))).get() ?? null
}

/** One of them whole; null when it is not there. */
export function findVerdict (connection: Connection, rolloutId: string, number: number): RolloutVerdict | null {
  const row = connection.select().from(rolloutVerdicts)
    .where(and(eq(rolloutVerdicts.rolloutId, rolloutId), eq(rolloutVerdicts.number, number))).get()
  return row === undefined ? null : withoutKeys(row)
}

/** How many were ever saved, and how many of them are still there. */
export function countVerdicts (connection: Connection, rolloutId: string): { saved: number, kept: number } {
  const row = connection.select({ saved: max(rolloutVerdicts.number), kept: count() }).from(rolloutVerdicts)
    .where(eq(rolloutVerdicts.rolloutId, rolloutId)).get()
  return { saved: row?.saved ?? 0, kept: row?.kept ?? 0 }
}

/** `sha256:` and the hash of a verdict with all it was drawn from, as canonical JSON. Pure. */
export function verdictDigest ({ number, at, engine, analysis, evidence, verdict }: RolloutVerdict): string {
  const form = canonicalJson(JSON.parse(JSON.stringify({ number, at, engine, analysis, evidence, verdict })))
  return `sha256:${createHash('sha256').update(form).digest('hex')}`
}

type Row = typeof rolloutVerdicts.$inferSelect

function withoutKeys ({ id: _id, rolloutId: _rolloutId, ...verdict }: Row): RolloutVerdict {
  return verdict
}
