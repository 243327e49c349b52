/**
 * A process that collects garbage in the data directory it is given, killing itself after a step when it is given one.
 * Run by tests only: `node registry-collector.js FOLDER TIMES [STEP NTH]`.
 */
import { Registry } from '../../registry/registry.js'

const [dataDir = '', times = '1', dieAt, nth = '1'] = process.argv.slice(2)
const registry = Registry.open({ dataDir, now: Date.now })
let seen = 0
for (let round = 0; round < Number(times); round++) {
  const { blobs, bytes } = await registry.collect({
    graceMs: 0,
    actor: 'collector',
    reason: 'test',
    onStep: (step) => {
      if (step === dieAt && ++seen === Number(nth)) process.kill(process.pid, 'SIGKILL')
    }
  })
  process.stdout.write(`${JSON.stringify({ blobs: blobs.length, bytes })}\n`)
  await new Promise((resolve) => { setTimeout(resolve, 5) })
}
registry.close()
