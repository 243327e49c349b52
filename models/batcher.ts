import { createData, dataBytes, elementCount, sliceData, type Tensor } from './tensor.js'

/** A request as the queue sees it. */
export interface Request {
  readonly inputs: readonly Tensor[]
  /** Names of the outputs asked for; null for all. */
  readonly outputs: readonly string[] | null
  /** When an answer is of no more use, by the caller's clock. */
  readonly deadlineAt: number
  readonly enqueuedAt: number
}

/** What may stand together in one batch. */
export interface BatchLimits {
  /** false: one request per batch. */
  readonly batchable: boolean
  /** Rows. A request of more rows goes alone. */
  readonly maxBatch: number
  /** Input bytes; reached only with very wide rows. A larger request goes alone. */
  readonly maxBatchBytes: number
  /** How long the oldest request may wait for its batch to fill; 0 sends as soon as the host is free. */
  readonly maxDelayMs: number
}

interface Entry<R extends Request> {
  readonly request: R
  readonly rows: number
  readonly bytes: number
  readonly order: number
}

/** Requests that may be joined, in order of arrival. */
interface Lane<R extends Request> {
  readonly key: string
  readonly entries: Entry<R>[]
  rows: number
}

/** Requests in this lane are never joined. */
const ALONE = ''

/** Requests waiting to be sent, grouped by signature; within a signature first come, first served. */
export class BatchQueue<R extends Request> {
  readonly #lanes = new Map<string, Lane<R>>()
  #limits: BatchLimits
  #depth = 0
  #arrivals = 0

  constructor (limits: BatchLimits) {
    this.#limits = limits
  }

  /** How many requests wait. */
  get depth (): number {
    return this.#depth
  }

  /** From now on every request that arrives is sent alone. */
  stopJoining (): void {
    this.#limits = { ...this.#limits, batchable: false }
  }

  /** Appends a request. Bounding the depth is the caller's part. */
  add (request: R): void {
    const rows = this.#limits.batchable ? commonRows(request.inputs) : null
    let bytes = 0
    for (const input of request.inputs) bytes += dataBytes(input.data)
    const isAlone = rows === null || rows === 0 || rows > this.#limits.maxBatch || bytes > this.#limits.maxBatchBytes
    const key = isAlone ? ALONE : signatureKey(request)
    let lane = this.#lanes.get(key)
    if (lane === undefined) this.#lanes.set(key, lane = { key, entries: [], rows: 0 })
    lane.entries.push({ request, rows: rows ?? 0, bytes, order: this.#arrivals++ })
    lane.rows += rows ?? 0
    this.#depth++
  }

  /** The next batch: of all signatures that need not wait for more, the one whose first request is oldest. */
  take (now: number): R[] | null {
    let oldest: Lane<R> | null = null
    for (const lane of this.#lanes.values()) {
      if (this.#readyAt(lane) > now) continue
      if (oldest === null || firstOf(lane).order < firstOf(oldest).order) oldest = lane
    }
    if (oldest === null) return null
    const taken = oldest.entries.splice(0, this.#batchSize(oldest))
    for (const entry of taken) oldest.rows -= entry.rows
    if (oldest.entries.length === 0) this.#lanes.delete(oldest.key)
    this.#depth -= taken.length
    return taken.map((entry) => entry.request)
  }

  /** When the next batch may be taken; Infinity when nothing waits. */
  readyAt (): number {
    let soonest = Infinity
    for (const lane of this.#lanes.values()) soonest = Math.min(soonest, this.#readyAt(lane))
    return soonest
  }

  /** Removes and returns the requests whose deadline has come. */
  expire (now: number): R[] {
    return this.#removeWhere((request) => request.deadlineAt <= now)
  }

  /** Removes and returns all requests. */
  clear (): R[] {
    return this.#removeWhere(() => true)
  }

  /** The earliest deadline of all that wait; Infinity when nothing waits. */
  nextDeadline (): number {
    let soonest = Infinity
    for (const lane of this.#lanes.values()) {
      for (const { request } of lane.entries) soonest = Math.min(soonest, request.deadlineAt)
    }
    return soonest
  }

  #readyAt (lane: Lane<R>): number {
    if (lane.key === ALONE || this.#limits.maxDelayMs <= 0 || lane.rows >= this.#limits.maxBatch) return -Infinity
    return firstOf(lane).request.enqueuedAt + this.#limits.maxDelayMs
  }

  #batchSize (lane: Lane<R>): number {
    if (lane.key === ALONE) return 1
    let [size, rows, bytes] = [0, 0, 0]
    for (const entry of lane.entries) {
      rows += entry.rows
      bytes += entry.bytes
      if (size > 0 && (rows > this.#limits.maxBatch || bytes > this.#limits.maxBatchBytes)) break
      size++
    }
    return size
  }

  #removeWhere (isRemoved: (request: R) => boolean): R[] {
    const removed: R[] = []
    for (const lane of this.#lanes.values()) {
      const kept = lane.entries.filter((entry) => !isRemoved(entry.request))
      if (kept.length === lane.entries.length) continue
      for (const entry of lane.entries) if (isRemoved(entry.request)) removed.push(entry.request)
      this.#depth -= lane.entries.length - kept.length
      lane.entries.splice(0, lane.entries.length, ...kept)
      lane.rows = kept.reduce((rows, entry) => rows + entry.rows, 0)
      if (kept.length === 0) this.#lanes.delete(lane.key)
    }
    return removed
  }
}

function firstOf<R extends Request> (lane: Lane<R>): Entry<R> {
  return lane.entries[0] as Entry<R>
}

/** The first dimension that all inputs share, or null when there is none. */
export function commonRows (inputs: readonly Tensor[]): number | null {
  const rows = inputs[0]?.shape[0]
  if (rows === undefined) return null
  for (let index = 1; index < inputs.length; index++) if (inputs[index]?.shape[0] !== rows) return null
  return rows
}

/** Equal for requests that may be joined: names, datatypes, shapes but for the rows, and the outputs asked for. */
function signatureKey (request: Request): string {
  let key = ''
  for (const { name, datatype, shape } of request.inputs) {
    key += `${name}\n${datatype}`
    for (let axis = 1; axis < shape.length; axis++) key += `,${shape[axis]}`
    key += '\n'
  }
  return request.outputs === null ? key : `${key}\n>${request.outputs.join('\n')}`
}

/** One set of inputs out of the inputs of requests with equal signature: their rows, in order. */
export function joinInputs (requests: readonly { readonly inputs: readonly Tensor[] }[]): readonly Tensor[] {
  const first = requests[0]
  if (first === undefined || requests.length === 1) return first?.inputs ?? []
  return first.inputs.map(({ name, datatype, shape }, index) => {
    const pieces = requests.map((request) => request.inputs[index] as Tensor)
    let rows = 0
    for (const piece of pieces) rows += piece.shape[0] as number
    const joinedShape = [rows, ...shape.slice(1)]
    if (datatype === 'BYTES') {
      return { name, datatype, shape: joinedShape, data: pieces.flatMap((piece) => piece.data as string[]) }
    }
    const data = createData(datatype, elementCount(joinedShape)) as Float32Array
    let at = 0
    for (const piece of pieces) {
      data.set(piece.data as Float32Array, at)
      at += piece.data.length
    }
    return { name, datatype, shape: joinedShape, data }
  })
}

/**
 * The outputs of a joined run, cut back into those of each request; numeric parts are views of the joined data.
 * Null when some output does not have one row per input row, so that nobody can say whose row is whose.
 */
export function splitOutputs (outputs: readonly Tensor[], rowsOfRequests: readonly number[]): Tensor[][] | null {
  let totalRows = 0
  for (const rows of rowsOfRequests) totalRows += rows
  for (const output of outputs) if (output.shape[0] !== totalRows) return null
  let row = 0
  return rowsOfRequests.map((rows) => {
    const from = row
    row += rows
    return outputs.map(({ name, datatype, shape, data }) => {
      const width = data.length / totalRows
      const part = sliceData(data, from * width, (from + rows) * width)
      return { name, datatype, shape: [rows, ...shape.slice(1)], data: part }
    })
  })
}
