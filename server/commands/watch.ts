import { setTimeout as delay } from 'node:timers/promises'
import { isFinal, ROLLOUT_STATES } from '../../registry/rollouts/machine.js'
import { ApiError, type ApiClient, type RolloutView } from './api-client.js'
import type { RolloutNews, Terminal } from './live-view.js'
import { rolloutLine, rolloutText } from './rollout-text.js'
import type { ServerSentEvent } from './server-sent-events.js'

const POLL_MS = 500
const REDRAW_MS = 1_000
const RECONNECT_MS = 250
/** In a row; a gateway that starts again is back within that. */
const RECONNECTS_MAX = 120
const NEWS_KEPT = 50

export interface WatchContext {
  readonly api: () => ApiClient
  readonly print: (json: unknown, text: () => string) => void
  readonly warn: (line: string) => void
  readonly signal: AbortSignal
  /** Where it is drawn; null for lines. */
  readonly terminal: Terminal | null
}

interface Watched {
  readonly api: ApiClient
  readonly path: string
  readonly id: string
  readonly signal: AbortSignal
  readonly display: Display
}

/** Where to go on when the stream ends. */
interface Seen { lastEventId: string | null }

/** What those who watch see. */
interface Display {
  /** The rollout as it is. */
  readonly show: (view: RolloutView) => void
  readonly tell: (news: RolloutNews) => void
  readonly say: (line: string) => void
  readonly end: () => void
  /** How often it wants the rollout beside what events tell; null: never. */
  readonly everyMs: number | null
}

/**
 * Follows a rollout until it ends: by its events where the gateway has them, else by asking again and again. A gateway
 * that goes away is waited for, and nothing that happened meanwhile is left out.
 * @throws ApiError when there is no such rollout, or the gateway does not come back
 */
export async function watchRollout (id: string, context: WatchContext): Promise<void> {
  const api = context.api()
  const path = `/api/rollouts/${encodeURIComponent(id)}`
  const first = await api.get<RolloutView>(path)
  const display = await displayOf(context)
  try {
    display.show(first)
    const watched = { api, path, id, signal: context.signal, display }
    const last = isEnded(first) ? first : await follow(watched)
    display.end()
    context.print(last, () => rolloutText(last))
  } finally {
    display.end()
  }
}

async function follow (watched: Watched): Promise<RolloutView> {
  const { api, path, id, signal, display } = watched
  const events = `/api/events?rollout=${encodeURIComponent(id)}`
  const seen: Seen = { lastEventId: null }
  for (let failures = 0; ; await delay(RECONNECT_MS, undefined, { signal })) {
    try {
      const stream = await api.follow(events, seen.lastEventId)
      if (stream === null) return await poll(watched)
      try {
        const view = await api.get<RolloutView>(path)
        failures = 0
        const isOver = (isEnded(view) && seen.lastEventId === null) || await tellAll(watched, stream.events, view, seen)
        if (isOver) return await api.get<RolloutView>(path)
      } finally {
        stream.close()
      }
    } catch (error) {
      if (signal.aborted || !isOutage(error) || failures >= RECONNECTS_MAX) throw error
      failures++
      if (failures === 1) display.say(`${(error as Error).message}; waiting for the gateway to come back`)
    }
  }
}

/**
 * Tells of every event until the one that ends the rollout; what happened before the first shows in the rollout itself.
 * @returns false when the stream ended and the rollout did not
 */
async function tellAll (
  { api, path, display }: Watched, events: AsyncIterable<ServerSentEvent>, view: RolloutView, seen: Seen
): Promise<boolean> {
  if (!isEnded(view)) display.show(view)
  const refresh = (): void => { api.get<RolloutView>(path).then(display.show).catch(() => {}) }
  const timer = display.everyMs === null ? null : setInterval(refresh, display.everyMs)
  try {
    for await (const { id, event, data } of events) {
      if (id !== '') seen.lastEventId = id
      if (event === 'gap' && isEnded(view)) return true
      if (event === 'gap') continue
      const news = JSON.parse(data) as RolloutNews
      display.tell(news)
      if (isFinalState(news.body['to'])) return true
    }
    return false
  } finally {
    if (timer !== null) clearInterval(timer)
  }
}

/** For gateways that have no events, or too many who follow them. */
async function poll ({ api, path, signal, display }: Watched): Promise<RolloutView> {
  let last = ''
  for (;;) {
    const view = await api.get<RolloutView>(path)
    if (isEnded(view)) return view
    const line = rolloutLine(view)
    if (line !== last) display.show(view)
    last = line
    await delay(POLL_MS, undefined, { signal })
  }
}

async function displayOf ({ terminal, warn }: WatchContext): Promise<Display> {
  const { LiveView, newsLine } = await import('./live-view.js')
  if (terminal === null) return lines(warn, newsLine)
  const live = new LiveView(terminal)
  const news: RolloutNews[] = []
  let shown: RolloutView | null = null
  let isEnded = false
  const draw = (): void => { if (shown !== null && !isEnded) live.draw(shown, news) }
  return {
    show: (view) => {
      shown = view
      draw()
    },
    tell: (one) => {
      news.push(one)
      news.splice(0, news.length - NEWS_KEPT)
      draw()
    },
    say: (line) => {
      live.clear()
      warn(line)
    },
    end: () => {
      isEnded = true
      live.clear()
    },
    everyMs: REDRAW_MS
  }
}

function lines (warn: (line: string) => void, newsLine: (news: RolloutNews) => string): Display {
  let last = ''
  return {
    show: (view) => {
      const line = rolloutLine(view)
      if (line !== last) warn(line)
      last = line
    },
    tell: (news) => { warn(newsLine(news)) },
    say: warn,
    end: () => {},
    everyMs: null
  }
}

function isEnded ({ state }: RolloutView): boolean {
  return isFinalState(state)
}

/** Not so of a verdict, which has none, nor of states that only a later release knows. */
function isFinalState (state: unknown): boolean {
  const known = ROLLOUT_STATES.find((one) => one === state)
  return known !== undefined && isFinal(known)
}

/** The gateway is not there, or the connection broke: to come back may help. */
function isOutage (error: unknown): boolean {
  if (error instanceof ApiError) return error.status === 0 || error.status >= 500
  return error instanceof TypeError && error.cause !== undefined
}
