import { decideByIntervals, type IntervalEvidence, isIntervalSpec } from '../../evaluators/interval-verdict.js'
import { type AnalysisSpec, decide, type Evidence } from '../../evaluators/verdict.js'
import { canonicalJson } from '../../registry/manifest.js'
import type { RolloutVerdict } from '../../registry/rollouts/rollout.js'
import { verdictDigest } from '../../registry/rollouts/verdicts.js'
import { type GateEvidence, isGateSpec, judgeGate } from './gate/judge.js'

/** `unknown`: stored by a release that did not store what was asked of the metrics. */
export interface Replayed {
  readonly number: number
  readonly at: number
  readonly decision: string
  readonly acted: boolean
  /** The release that drew it. */
  readonly engine: string
  readonly outcome: 'equal' | 'different' | 'unknown'
  /** The first place where both differ, with what is stored and what comes out; null when none does. */
  readonly difference: string | null
}

const SHOWN_CHARACTERS = 120

/**
 * Draws a stored verdict again from its evidence and compares both as canonical JSON. `digest` is what the audit trail
 * says of it, if anything: the evidence itself must be what it was. Pure.
 */
export function replayVerdict (stored: RolloutVerdict, digest: string | null): Replayed {
  const { number, at, decision, acted, engine } = stored
  const head = { number, at, decision, acted, engine }
  if (digest !== null && digest !== verdictDigest(stored)) {
    return { ...head, outcome: 'different', difference: `it is not the one the audit trail names by ${digest}` }
  }
  if (stored.analysis === null) return { ...head, outcome: 'unknown', difference: null }
  const difference = firstDifference(stored.verdict, again(stored)) ?? columnDifference(stored)
  return { ...head, outcome: difference === null ? 'equal' : 'different', difference }
}

/** What comes out now; the sentence of the fault when nothing does. */
function again ({ analysis, evidence }: RolloutVerdict): unknown {
  try {
    if (isGateSpec(analysis)) return JSON.parse(JSON.stringify(judgeGate(analysis, evidence as GateEvidence)))
    if (isIntervalSpec(analysis)) {
      return JSON.parse(JSON.stringify(decideByIntervals(analysis, evidence as IntervalEvidence)))
    }
    return JSON.parse(JSON.stringify(decide(analysis as AnalysisSpec, evidence as Evidence)))
  } catch (error) {
    return `no verdict: ${(error as Error).message}`
  }
}

/** What stands beside the verdict, for lists, must be what it says. */
function columnDifference ({ decision, reason, verdict }: RolloutVerdict): string | null {
  const said = verdict as { decision?: unknown, reason?: unknown }
  return firstDifference({ decision, reason }, { decision: said.decision, reason: said.reason })
}

function firstDifference (stored: unknown, now: unknown, path = ''): string | null {
  if (same(stored, now)) return null
  if (isObject(stored) && isObject(now) && Array.isArray(stored) === Array.isArray(now)) {
    for (const key of [...new Set([...Object.keys(stored), ...Object.keys(now)])].sort()) {
      const [one, other] = [(stored as Record<string, unknown>)[key], (now as Record<string, unknown>)[key]]
      if (!same(one, other)) return firstDifference(one, other, path === '' ? key : `${path}.${key}`)
    }
  }
  return `${path === '' ? 'verdict' : path} is stored as ${shown(stored)} and comes out as ${shown(now)}`
}

function same (one: unknown, other: unknown): boolean {
  return canonicalJson(one ?? null) === canonicalJson(other ?? null)
}

function isObject (value: unknown): value is object {
  return typeof value === 'object' && value !== null
}

function shown (value: unknown): string {
  const text = value === undefined ? 'nothing' : canonicalJson(value)
  return text.length > SHOWN_CHARACTERS ? `${text.slice(0, SHOWN_CHARACTERS)}…` : text
}
