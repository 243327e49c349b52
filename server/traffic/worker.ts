import { parentPort, workerData } from 'node:worker_threads'
import type { Pin } from '../routing/pins.js'
import type { FromWriter, Mirrored, ReplayedPrediction, ToWriter } from './messages.js'
import { unpackPredictions } from './packing.js'
import { readAccepted, TrafficStore } from './store.js'

/** Rows of a replay per message. */
const REPLAY_CHUNK = 5_000

const port = parentPort!
const { databasePath, acceptedPath } = workerData as { databasePath: string, acceptedPath: string }
const store = new TrafficStore(databasePath)
const send = (message: FromWriter): void => { port.postMessage(message) }

const lost = Math.max(0, readAccepted(acceptedPath) - store.total)
if (lost > 0) store.total += lost
send({ kind: 'opened', lost, total: store.total })

port.on('message', (message: ToWriter) => {
  try {
    handle(message)
  } catch (error) {
    send({ kind: 'failed', id: message.id, message: error instanceof Error ? error.message : String(error) })
  }
})

function handle (message: ToWriter): void {
  switch (message.kind) {
    case 'commit': {
      const { feedback, mirrored, pins, at } = message
      const predictions = unpackPredictions(message.predictions)
      const results = store.commit({ predictions, mirrored, feedback, pins, at })
      send({ kind: 'committed', id: message.id, results })
      return
    }
    case 'replay': return replay(message.id, message.rolloutId)
    case 'loadPins': return loadPins(message.id, message.after)
    case 'dropPins': {
      store.dropPins(message.model, message.version)
      send({ kind: 'done', id: message.id })
      return
    }
    case 'prune': {
      store.prune(message.keep, message.before)
      send({ kind: 'done', id: message.id })
      return
    }
    case 'close': {
      store.close()
      send({ kind: 'done', id: message.id })
      port.close()
    }
  }
}

function loadPins (id: number, after: number): void {
  let pins: Pin[] = []
  for (const pin of store.pins(after)) {
    pins.push(pin)
    if (pins.length < REPLAY_CHUNK) continue
    send({ kind: 'pins', id, pins, isLast: false })
    pins = []
  }
  send({ kind: 'pins', id, pins, isLast: true })
}

function replay (id: number, rolloutId: string): void {
  let rows: ReplayedPrediction[] = []
  for (const row of store.replay(rolloutId)) {
    rows.push(row)
    if (rows.length < REPLAY_CHUNK) continue
    send({ kind: 'replayed', id, rows, mirrored: [], isLast: false })
    rows = []
  }
  send({ kind: 'replayed', id, rows, mirrored: [], isLast: false })
  let mirrored: Mirrored[] = []
  for (const pair of store.replayMirrored(rolloutId)) {
    mirrored.push(pair)
    if (mirrored.length < REPLAY_CHUNK) continue
    send({ kind: 'replayed', id, rows: [], mirrored, isLast: false })
    mirrored = []
  }
  send({ kind: 'replayed', id, rows: [], mirrored, isLast: true })
}
