#!/usr/bin/env node
import { run } from './cli.js'

/** A terminal and the runner in between may both pass one Ctrl-C on: only a later one means that it takes too long. */
const SAME_SIGNAL_MS = 1_000

const abort = new AbortController()
let abortedAt = 0
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (abort.signal.aborted && performance.now() - abortedAt > SAME_SIGNAL_MS) process.exit(130)
    if (!abort.signal.aborted) abortedAt = performance.now()
    abort.abort(signal)
  })
}
// Whoever reads (`| head`) has seen enough: no fault, and nobody is left to be told of one.
for (const stream of [process.stdout, process.stderr]) {
  stream.on('error', (error: NodeJS.ErrnoException) => {
    if (error.code !== 'EPIPE') throw error
    process.exit()
  })
}
process.exitCode = await run(process.argv.slice(2), abort.signal)
