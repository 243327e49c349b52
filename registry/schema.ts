import { sql } from 'drizzle-orm'
import {
  check, foreignKey, index, integer, primaryKey, sqliteTable, text, uniqueIndex
} from 'drizzle-orm/sqlite-core'
import type { DatasetDocument } from './datasets/document.js'
import type { Kind } from './datasets/words.js'
import type { RolloutEvent, RolloutState } from './rollouts/machine.js'
import type { Reverted } from './rollouts/rollout.js'
import type { Serving } from './serving.js'

/** One immutable build of a model, or one dataset; all of one name are of one kind. Times: ms since the epoch. */
export const versions = sqliteTable('versions', {
  model: text('model').notNull(),
  version: text('version').notNull(),
  digest: text('digest').notNull(),
  manifestBytes: integer('manifest_bytes').notNull(),
  sizeBytes: integer('size_bytes').notNull(),
  createdAt: integer('created_at').notNull(),
  /** serving.json of a model, dataset.json of a dataset. */
  document: text('serving', { mode: 'json' }).$type<Serving | DatasetDocument>().notNull(),
  kind: text('kind').$type<Kind>().notNull().default('model')
}, (table) => [
  primaryKey({ columns: [table.model, table.version] }),
  /** Lists and counts without touching rows, whose documents are large. */
  index('versions_by_age').on(table.model, table.createdAt, table.version, table.kind, table.sizeBytes)
])

/** A version that was removed: it is not served any more, and its name is never used for other bytes. */
export const tombstones = sqliteTable('tombstones', {
  model: text('model').notNull(),
  version: text('version').notNull(),
  at: integer('at').notNull(),
  actor: text('actor').notNull(),
  reason: text('reason').notNull(),
  /** When its blobs were, or were about to be, deleted; null while it can be restored. */
  sweptAt: integer('swept_at')
}, (table) => [
  primaryKey({ columns: [table.model, table.version] }),
  foreignKey({ columns: [table.model, table.version], foreignColumns: [versions.model, versions.version] })
])

export const aliases = sqliteTable('aliases', {
  model: text('model').notNull(),
  alias: text('alias').notNull(),
  version: text('version').notNull(),
  updatedAt: integer('updated_at').notNull()
}, (table) => [
  primaryKey({ columns: [table.model, table.alias] }),
  foreignKey({ columns: [table.model, table.version], foreignColumns: [versions.model, versions.version] })
])

export const aliasHistory = sqliteTable('alias_history', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  model: text('model').notNull(),
  alias: text('alias').notNull(),
  version: text('version').notNull(),
  previous: text('previous'),
  at: integer('at').notNull(),
  actor: text('actor').notNull(),
  reason: text('reason').notNull()
}, (table) => [
  index('alias_history_by_alias').on(table.model, table.alias, table.id)
])

export const audit = sqliteTable('audit', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  at: integer('at').notNull(),
  actor: text('actor').notNull(),
  action: text('action').notNull(),
  subject: text('subject').notNull(),
  reason: text('reason').notNull(),
  /** Canonical JSON; the hash covers this very text. */
  details: text('details').notNull(),
  /** Hash of the entry before, see `audit-chain.ts`. */
  previous: text('previous').notNull(),
  hash: text('hash').notNull()
}, (table) => [
  index('audit_by_subject').on(table.subject, table.id)
])

export const rollouts = sqliteTable('rollouts', {
  sequence: integer('sequence').primaryKey({ autoIncrement: true }),
  id: text('id').notNull().unique(),
  model: text('model').notNull(),
  champion: text('champion').notNull(),
  challenger: text('challenger').notNull(),
  state: text('state').$type<RolloutState>().notNull(),
  step: integer('step').notNull(),
  weightBps: integer('weight_bps').notNull(),
  salt: text('salt').notNull(),
  hashing: text('hashing').$type<'murmur3-10k'>().notNull(),
  epoch: integer('epoch').notNull(),
  spec: text('spec', { mode: 'json' }).$type<unknown>(),
  reason: text('reason').notNull(),
  stage: integer('stage').notNull(),
  pausedUntil: integer('paused_until'),
  details: text('details', { mode: 'json' }).$type<Record<string, unknown>>().notNull(),
  createdAt: integer('created_at').notNull(),
  updatedAt: integer('updated_at').notNull(),
  endedAt: integer('ended_at'),
  reverted: text('reverted', { mode: 'json' }).$type<Reverted>()
}, (table) => [
  uniqueIndex('rollouts_one_open_per_model').on(table.model).where(sql`ended_at IS NULL`),
  index('rollouts_by_model').on(table.model, table.sequence),
  check('rollouts_weight_in_range', sql`weight_bps BETWEEN 0 AND 10000`),
  foreignKey({ columns: [table.model, table.champion], foreignColumns: [versions.model, versions.version] }),
  foreignKey({ columns: [table.model, table.challenger], foreignColumns: [versions.model, versions.version] })
])

export const rolloutHistory = sqliteTable('rollout_history', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  rolloutId: text('rollout_id').notNull().references(() => rollouts.id),
  epoch: integer('epoch').notNull(),
  at: integer('at').notNull(),
  event: text('event').$type<RolloutEvent | 'revert' | 'settle'>().notNull(),
  from: text('from_state').$type<RolloutState>().notNull(),
  to: text('to_state').$type<RolloutState>().notNull(),
  step: integer('step').notNull(),
  weightBps: integer('weight_bps').notNull(),
  actor: text('actor').notNull(),
  reason: text('reason').notNull()
}, (table) => [
  uniqueIndex('rollout_history_by_epoch').on(table.rolloutId, table.epoch)
])

export const rolloutVerdicts = sqliteTable('rollout_verdicts', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  rolloutId: text('rollout_id').notNull().references(() => rollouts.id),
  at: integer('at').notNull(),
  decision: text('decision').notNull(),
  reason: text('reason').notNull(),
  verdict: text('verdict', { mode: 'json' }).$type<unknown>(),
  evidence: text('evidence', { mode: 'json' }).$type<unknown>(),
  /** Counts the verdicts of a rollout from 1; what is missing in between was dropped. */
  number: integer('number').notNull().default(0),
  /** What was asked of the metrics; null where nothing was, and in verdicts of releases that did not store it. */
  analysis: text('analysis', { mode: 'json' }).$type<unknown>(),
  /** Whether the rollout moved because of it: such a verdict is never dropped. */
  acted: integer('acted', { mode: 'boolean' }).notNull().default(false),
  /** The release that drew the conclusion; empty in verdicts of releases that did not say. */
  engine: text('engine').notNull().default('')
}, (table) => [
  index('rollout_verdicts_by_rollout').on(table.rolloutId, table.id),
  uniqueIndex('rollout_verdicts_by_number').on(table.rolloutId, table.number),
  /** Counts and finds those that may be dropped without touching rows, whose evidence is large. */
  index('rollout_verdicts_idle').on(table.rolloutId, table.acted, table.number)
])

/** What others are told: written in the transaction of the act itself, numbered in the order of the commits. */
export const events = sqliteTable('events', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  at: integer('at').notNull(),
  type: text('type').notNull(),
  rolloutId: text('rollout_id').notNull(),
  model: text('model').notNull(),
  body: text('body', { mode: 'json' }).$type<Record<string, unknown>>().notNull()
}, (table) => [
  index('events_by_rollout').on(table.rolloutId, table.id)
])

/** How far others have been told by webhook. */
export const webhookTargets = sqliteTable('webhook_targets', {
  /** A hash of the URL, which may hold a secret. */
  target: text('target').primaryKey(),
  origin: text('origin').notNull(),
  /** The number of the last event that is done with: delivered, or given up. */
  position: integer('position').notNull(),
  /** Failed attempts at the next event, and when it is tried again. */
  attempts: integer('attempts').notNull().default(0),
  nextAt: integer('next_at'),
  error: text('error'),
  updatedAt: integer('updated_at').notNull()
})

/** Events that a webhook did not take. The event itself may be gone meanwhile. */
export const webhookDeadLetters = sqliteTable('webhook_dead_letters', {
  id: integer('id').primaryKey({ autoIncrement: true }),
  target: text('target').notNull(),
  origin: text('origin').notNull(),
  at: integer('at').notNull(),
  attempts: integer('attempts').notNull(),
  error: text('error').notNull(),
  event: text('event', { mode: 'json' }).$type<typeof events.$inferSelect>().notNull()
})
