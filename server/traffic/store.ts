import { closeSync, fstatSync, openSync, readSync } from 'node:fs'
import Database from 'better-sqlite3'
import type { Pin } from '../routing/pins.js'
import type { Feedback, FeedbackResult, Mirrored, Prediction, ReplayedPrediction } from './messages.js'

const SCHEMA = `
  CREATE TABLE IF NOT EXISTS prediction (
    seq INTEGER PRIMARY KEY, request_id TEXT NOT NULL, rollout_id TEXT NOT NULL, at INTEGER NOT NULL,
    stage INTEGER NOT NULL, weight_bps INTEGER NOT NULL, arm TEXT NOT NULL, bucket INTEGER,
    failed INTEGER NOT NULL, latency_ms REAL NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS prediction_request ON prediction (request_id);
  CREATE INDEX IF NOT EXISTS prediction_rollout ON prediction (rollout_id);
  CREATE TABLE IF NOT EXISTS feedback (
    seq INTEGER NOT NULL REFERENCES prediction ON DELETE CASCADE, key TEXT NOT NULL, value REAL, label TEXT,
    at INTEGER NOT NULL, PRIMARY KEY (seq, key)
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS mirrored (
    seq INTEGER PRIMARY KEY, request_id TEXT NOT NULL, rollout_id TEXT NOT NULL, at INTEGER NOT NULL,
    stage INTEGER NOT NULL, bucket INTEGER, champion_failed INTEGER NOT NULL, champion_ms REAL NOT NULL,
    challenger_failed INTEGER NOT NULL, challenger_ms REAL NOT NULL, scores TEXT NOT NULL
  ) STRICT;
  CREATE INDEX IF NOT EXISTS mirrored_rollout ON mirrored (rollout_id);
  CREATE TABLE IF NOT EXISTS pin (
    hash BLOB PRIMARY KEY, model TEXT NOT NULL, version TEXT NOT NULL, rollout_id TEXT NOT NULL,
    expires_at INTEGER NOT NULL
  ) STRICT, WITHOUT ROWID;
  CREATE TABLE IF NOT EXISTS progress (id INTEGER PRIMARY KEY CHECK (id = 1), total INTEGER NOT NULL) STRICT;
  INSERT OR IGNORE INTO progress VALUES (1, 0);
`

/** Feedback keys share a table with the label, which has a name no key can have. */
const LABEL = ''

interface Row {
  seq: number,
  request_id: string,
  rollout_id: string,
  at: number,
  stage: number,
  weight_bps: number
  arm: 'champion' | 'challenger',
  bucket: number | null,
  failed: number,
  latency_ms: number
}

interface PinRow { hash: Buffer, model: string, version: string, rollout_id: string, expires_at: number }

interface MirroredRow {
  request_id: string,
  rollout_id: string,
  at: number,
  stage: number,
  bucket: number | null,
  champion_failed: number,
  champion_ms: number,
  challenger_failed: number,
  challenger_ms: number,
  scores: string
}

/** What is committed together at `at`, ms. */
export interface Batch {
  readonly predictions: readonly Prediction[]
  readonly mirrored: readonly Mirrored[]
  readonly feedback: readonly Feedback[]
  readonly pins: readonly Pin[]
  readonly at: number
}

const fromRow = (row: Row): Prediction => ({
  requestId: row.request_id,
  rolloutId: row.rollout_id,
  at: row.at,
  stage: row.stage,
  weightBps: row.weight_bps,
  arm: row.arm,
  bucket: row.bucket,
  failed: row.failed === 1,
  latencyMs: row.latency_ms
})

/**
 * Predictions of trials and the feedback about them, in a database of their own with a single writer. Predictions
 * survive a killed process once committed; feedback also survives a power cut.
 */
export class TrafficStore {
  readonly #db: Database.Database
  readonly #insert: Database.Statement<unknown[]>
  readonly #find: Database.Statement<[string], Row>
  readonly #insertFeedback: Database.Statement<unknown[]>
  readonly #commit: (batch: Batch) => FeedbackResult[]

  constructor (path: string) {
    this.#db = new Database(path, { timeout: 5_000 })
    this.#db.pragma('journal_mode = WAL')
    this.#db.pragma('foreign_keys = ON')
    this.#db.exec(SCHEMA)
    this.#insert = this.#db.prepare(`INSERT INTO prediction
      (request_id, rollout_id, at, stage, weight_bps, arm, bucket, failed, latency_ms) VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    this.#find = this.#db.prepare('SELECT * FROM prediction WHERE request_id = ? ORDER BY seq LIMIT 1')
    this.#insertFeedback = this.#db.prepare('INSERT OR IGNORE INTO feedback VALUES (?, ?, ?, ?, ?)')
    const insertMirrored = this.#db.prepare(`INSERT INTO mirrored
      (request_id, rollout_id, at, stage, bucket, champion_failed, champion_ms, challenger_failed, challenger_ms, scores)
      VALUES (?, ?, ?, ?, ?, ?, ?, ?, ?, ?)`)
    // The first pin of a session wins as long as it lives; it may be prolonged.
    const insertPin = this.#db.prepare(`INSERT INTO pin VALUES (?, ?, ?, ?, ?) ON CONFLICT (hash) DO UPDATE SET
      model = excluded.model, version = excluded.version, rollout_id = excluded.rollout_id,
      expires_at = excluded.expires_at
      WHERE pin.expires_at <= ? OR (pin.version = excluded.version AND pin.rollout_id = excluded.rollout_id)`)
    this.#commit = this.#db.transaction(({ predictions, mirrored, feedback, pins, at: now }: Batch) => {
      for (const { hash, model, version, rolloutId, expiresAt } of pins) {
        insertPin.run(Buffer.from(hash, 'latin1'), model, version, rolloutId, expiresAt, now)
      }
      for (const { requestId, rolloutId, at, stage, weightBps, arm, bucket, failed, latencyMs } of predictions) {
        this.#insert.run(requestId, rolloutId, at, stage, weightBps, arm, bucket, failed ? 1 : 0, latencyMs)
      }
      if (predictions.length > 0) this.#db.prepare('UPDATE progress SET total = total + ?').run(predictions.length)
      for (const { requestId, rolloutId, at, stage, bucket, champion, challenger, scores } of mirrored) {
        insertMirrored.run(requestId, rolloutId, at, stage, bucket, Number(champion.failed), champion.latencyMs,
          Number(challenger.failed), challenger.latencyMs, JSON.stringify(scores))
      }
      return feedback.map((item) => this.#accept(item, now))
    })
  }

  /** Predictions ever counted here; compared with what was ever accepted, the difference was lost. */
  get total (): number {
    return (this.#db.prepare('SELECT total FROM progress').get() as { total: number }).total
  }

  set total (total: number) {
    this.#db.prepare('UPDATE progress SET total = ?').run(total)
  }

  /** Writes all in one transaction, predictions first, so that feedback finds them. */
  commit (batch: Batch): FeedbackResult[] {
    this.#db.pragma(`synchronous = ${batch.feedback.length > 0 ? 'FULL' : 'NORMAL'}`)
    return this.#commit(batch)
  }

  /** Every pin that lives longer than `after` (ms). */
  * pins (after: number): Generator<Pin> {
    const rows = this.#db.prepare<[number], PinRow>('SELECT * FROM pin WHERE expires_at > ?')
    for (const { hash, model, version, rollout_id: rolloutId, expires_at: expiresAt } of rows.iterate(after)) {
      yield { hash: hash.toString('latin1'), model, version, rolloutId, expiresAt }
    }
  }

  dropPins (model: string, version: string): void {
    this.#db.prepare('DELETE FROM pin WHERE model = ? AND version = ?').run(model, version)
  }

  /** Every mirrored request of a rollout in order. */
  * replayMirrored (rolloutId: string): Generator<Mirrored> {
    const rows = this.#db.prepare<[string], MirroredRow>('SELECT * FROM mirrored WHERE rollout_id = ? ORDER BY seq')
    for (const row of rows.iterate(rolloutId)) {
      yield {
        requestId: row.request_id,
        rolloutId: row.rollout_id,
        at: row.at,
        stage: row.stage,
        bucket: row.bucket,
        champion: { failed: row.champion_failed === 1, latencyMs: row.champion_ms },
        challenger: { failed: row.challenger_failed === 1, latencyMs: row.challenger_ms },
        scores: JSON.parse(row.scores) as Record<string, number>
      }
    }
  }

  /** Every prediction of a rollout in order, with its numeric feedback. */
  * replay (rolloutId: string): Generator<ReplayedPrediction> {
    const rows = this.#db.prepare<[string], Row & { reported: string | null, times: string | null }>(`SELECT p.*,
      (SELECT json_group_object(f.key, f.value) FROM feedback f WHERE f.seq = p.seq AND f.key <> '${LABEL}') AS reported,
      (SELECT json_group_object(f.key, f.at) FROM feedback f WHERE f.seq = p.seq AND f.key <> '${LABEL}') AS times
      FROM prediction p WHERE p.rollout_id = ? ORDER BY p.seq`)
    for (const row of rows.iterate(rolloutId)) {
      const [values, times] = [row.reported, row.times].map((text) => JSON.parse(text ?? '{}') as Record<string, number>)
      yield { prediction: fromRow(row), values: values!, times: times! }
    }
  }

  /** Forgets predictions made before `before` (ms) but for those of the rollouts named in `keep`. */
  prune (keep: readonly string[], before: number): void {
    for (const table of ['prediction', 'mirrored']) {
      this.#db.prepare(`DELETE FROM ${table} WHERE at < ? AND rollout_id NOT IN (${keep.map(() => '?').join(', ')})`)
        .run(before, ...keep)
    }
    this.#db.prepare('DELETE FROM pin WHERE expires_at < ?').run(before)
  }

  close (): void {
    this.#db.close()
  }

  #accept (feedback: Feedback, at: number): FeedbackResult {
    const row = this.#find.get(feedback.requestId)
    if (row === undefined) return { prediction: null, accepted: [], duplicates: [], at }
    const accepted: string[] = []
    const duplicates: string[] = []
    for (const [key, value] of Object.entries(feedback.values)) {
      const { changes } = this.#insertFeedback.run(row.seq, key, value, null, at);
      (changes === 1 ? accepted : duplicates).push(key)
    }
    if (feedback.label !== null) this.#insertFeedback.run(row.seq, LABEL, null, feedback.label, at)
    return { prediction: fromRow(row), accepted, duplicates, at }
  }
}

/**
 * The count that the gateway keeps beside the database: predictions it has accepted, written before they are
 * committed. It outlives a killed process, so that what a kill loses is known. 0 when the file is new.
 */
export function readAccepted (path: string): number {
  const file = openSync(path, 'a+', 0o600)
  try {
    if (fstatSync(file).size < 8) return 0
    const bytes = Buffer.alloc(8)
    readSync(file, bytes, 0, 8, 0)
    return Number(bytes.readBigUInt64LE())
  } finally {
    closeSync(file)
  }
}
