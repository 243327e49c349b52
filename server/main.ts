#!/usr/bin/env node
import { run } from './cli.js'

const abort = new AbortController()
for (const signal of ['SIGINT', 'SIGTERM'] as const) {
  process.on(signal, () => {
    if (abort.signal.aborted) process.exit(130)
    abort.abort(signal)
  })
}
process.exitCode = await run(process.argv.slice(2), abort.signal)
