import type { RolloutView } from '../../server/routes/rollout-view.js'
import type { Progress } from './progress.js'
import type { Sessions } from './sessions.js'

export interface TrialContext {
  readonly url: string
  readonly model: string
  readonly sessions: Sessions
  readonly say: Progress
  readonly signal: AbortSignal
}

const FINAL = ['promoted', 'rolled-back', 'failed']
const POLL_MS = 250
/** A trial of the demo that takes longer has gone wrong. */
const TRIAL_MAX_MS = 60_000

const specification = (model: string, challenger: string) => ({
  model,
  challenger,
  strategy: {
    canary: { steps: [{ setWeight: 20 }, { pause: { duration: '1s' } }, { analysis: {} }, { setWeight: 50 }, { analysis: {} }] }
  },
  analysis: {
    metrics: [
      { name: 'errors', source: 'errors', role: 'critical', margin: { absolute: 0.01 } },
      { name: 'p95', source: 'latency', quantile: 0.95, role: 'monitor' },
      { name: 'accuracy', source: 'feedback', key: 'correct', role: 'primary', direction: 'up', margin: { absolute: 0.02 } }
    ]
  }
})

/** Starts a rollout, drives it with sessions that send feedback, shows how it goes, and gives back how it ended. */
export async function runTrial (context: TrialContext, challenger: string): Promise<RolloutView> {
  const { url, model, sessions, say, signal } = context
  const { id } = await call(`${url}/api/rollouts`, {
    method: 'POST',
    headers: { 'content-type': 'application/json' },
    body: JSON.stringify(specification(model, challenger))
  })
  say.line(`gauntlet rollout watch ${id} --server ${url}`)
  const stop = new AbortController()
  const driving = sessions.run(AbortSignal.any([stop.signal, signal]))
  const deadline = Date.now() + TRIAL_MAX_MS
  try {
    for (;;) {
      signal.throwIfAborted()
      const view = await call(`${url}/api/rollouts/${id}`, {})
      say.trial(view, sessions)
      if (FINAL.includes(view.state)) {
        say.line(`${view.state}: ${view.reason}`)
        return view
      }
      if (Date.now() > deadline) throw new Error(`the trial of ${challenger} did not end within ${TRIAL_MAX_MS / 1_000} s`)
      await new Promise((resolve) => { setTimeout(resolve, POLL_MS) })
    }
  } finally {
    stop.abort()
    await driving
  }
}

async function call (url: string, init: RequestInit): Promise<RolloutView> {
  const response = await fetch(url, init)
  const text = await response.text()
  if (!response.ok) throw new Error(`${url} answered ${response.status}: ${text}`)
  return JSON.parse(text) as RolloutView
}
