import cliProgress from 'cli-progress'
import { painter } from '../color.js'

/** How far a piece of work has come, for a person who waits. */
export interface Progress {
  /** Share of the work done, 0..1. */
  readonly update: (share: number) => void
  readonly stop: () => void
}

export interface ProgressOptions {
  readonly stream: NodeJS.WriteStream
  readonly isJson: boolean
  readonly environment: Readonly<Record<string, string | undefined>>
}

const STEPS = 1_000
const NO_PROGRESS: Progress = { update: () => {}, stop: () => {} }

/**
 * A bar on `stream` while it is a terminal and nobody asked for JSON; otherwise nothing at all. It has a colour where
 * `isColored` says so; a dumb terminal gets no bar. It is wiped when it stops, so that it never stays between the
 * results.
 */
export function startProgress (title: string, { stream, isJson, environment }: ProgressOptions): Progress {
  if (!stream.isTTY || isJson || environment['TERM'] === 'dumb') return NO_PROGRESS
  const drawn = painter(stream, environment)('green', '{bar}')
  const bar = new cliProgress.SingleBar({
    format: `${title} ${drawn} {percentage} %  {eta_formatted} left`,
    stream,
    clearOnComplete: true,
    gracefulExit: false,
    hideCursor: false
  })
  bar.start(STEPS, 0)
  return { update: (share) => { bar.update(Math.round(share * STEPS)) }, stop: () => { bar.stop() } }
}
