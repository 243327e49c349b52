import { createRequire } from 'node:module'
import type CliProgress from 'cli-progress'
import type { TransferProgress } from '../progress.js'
import { sizeOf } from './words.js'

export interface ProgressOptions {
  readonly quiet?: boolean
  readonly json?: boolean
  readonly stream?: NodeJS.WriteStream
  readonly environment?: Readonly<Record<string, string | undefined>>
  /** Milliseconds. */
  readonly now?: () => number
}

/** What is under way: everything that was started and has not ended, together. */
interface Work { label: string, doneBytes: number, totalBytes: number | null, carriedBytes: number, startedAt: number }

const LABEL_WIDTH = 32
const BAR_WIDTH = 24
const NO_PROGRESS: TransferProgress = { start: () => {}, add: () => {}, end: () => {} }

/**
 * One bar on standard error with bytes, rate and time left, while that is a terminal that can move its cursor and
 * nobody asked for silence or JSON; otherwise nothing at all. Pieces of work that overlap share the bar, and it is
 * wiped when the last of them ends. The library behind it is loaded only when a bar is drawn.
 */
export function createProgress (options: ProgressOptions = {}): TransferProgress {
  const { quiet = false, json = false, stream = process.stderr, environment = process.env, now = Date.now } = options
  if (!stream.isTTY || quiet || json || environment['TERM'] === 'dumb') return NO_PROGRESS
  let bar: CliProgress.SingleBar | null = null
  let open = 0
  let work: Work = { label: '', doneBytes: 0, totalBytes: 0, carriedBytes: 0, startedAt: 0 }
  return {
    start: (label, totalBytes, doneBytes = 0) => {
      if (open++ === 0) work = { label, doneBytes: 0, totalBytes: 0, carriedBytes: 0, startedAt: now() }
      work.label = label
      work.totalBytes = totalBytes === null || work.totalBytes === null ? null : work.totalBytes + totalBytes
      work.doneBytes += doneBytes
      work.carriedBytes += doneBytes
      bar ??= drawBar(stream, () => describeWork(work, now()))
    },
    add: (bytes) => { work.doneBytes += bytes },
    end: () => {
      if (open === 0 || --open > 0) return
      bar?.stop()
      bar = null
    }
  }
}

function drawBar (stream: NodeJS.WriteStream, describe: () => string): CliProgress.SingleBar {
  const { SingleBar } = createRequire(import.meta.url)('cli-progress') as typeof CliProgress
  const bar = new SingleBar({
    format: describe, stream, clearOnComplete: true, gracefulExit: false, hideCursor: false, emptyOnZero: true
  })
  bar.start(1, 0)
  return bar
}

/** `model.onnx  ██████░░░░  58 %  12.0 MiB of 20.7 MiB  4.10 MiB/s  3 s left`; without a total what is done. Pure. */
export function describeWork (work: Work, at: number): string {
  const { doneBytes, totalBytes, carriedBytes } = work
  const seconds = (at - work.startedAt) / 1000
  const rate = seconds > 0 ? (doneBytes - carriedBytes) / seconds : 0
  const speed = rate > 0 ? `  ${sizeOf(Math.round(rate))}/s` : ''
  const label = shortened(work.label)
  if (totalBytes === null) return `${label}  ${sizeOf(doneBytes)}${speed}`
  const share = totalBytes > 0 ? Math.min(1, doneBytes / totalBytes) : 1
  const filled = Math.round(share * BAR_WIDTH)
  const left = rate > 0 && doneBytes < totalBytes ? `  ${timeLeft((totalBytes - doneBytes) / rate)} left` : ''
  return `${label}  ${'█'.repeat(filled)}${'░'.repeat(BAR_WIDTH - filled)} ${Math.floor(share * 100).toString().padStart(3)} %` +
    `  ${sizeOf(doneBytes)} of ${sizeOf(totalBytes)}${speed}${left}`
}

/** The end of a long label tells more than its beginning; control characters never reach the terminal. */
function shortened (label: string): string {
  const clean = label.replace(/\p{Cc}/gu, '?')
  return clean.length > LABEL_WIDTH ? `…${clean.slice(1 - LABEL_WIDTH)}` : clean
}

function timeLeft (seconds: number): string {
  const whole = Math.ceil(seconds)
  if (whole < 60) return `${whole} s`
  return whole < 3600 ? `${Math.ceil(whole / 60)} min` : `${Math.floor(whole / 3600)} h ${Math.floor(whole % 3600 / 60)} min`
}
