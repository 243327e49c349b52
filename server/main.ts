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
process.exitCode = await run(process.argv.slice(2), abort.signal)
