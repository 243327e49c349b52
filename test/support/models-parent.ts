import { ModelPool } from '../../models/pool.js'
import { poolOptions, tensorSpec } from './models-hosts.js'
import { eventually } from './wait.js'

/**
 * A gateway of nothing but one host, of the counting model in the first argument. With a second argument the host counts
 * that far. Tells its parent the host's process id.
 */
const pool = new ModelPool(poolOptions())
const model = pool.ensure(tensorSpec(
  process.argv[2] as string,
  [{ name: 'turns', datatype: 'INT64', shape: [1] }],
  [{ name: 'count', datatype: 'INT64', shape: [1] }],
  { batching: { batchable: false, maxBatch: 1, maxDelayMs: 0 } }
))
await model.whenReady()
if (process.argv[3] !== undefined) {
  const turns = { name: 'turns', datatype: 'INT64', shape: [1], data: BigInt64Array.of(BigInt(process.argv[3])) } as const
  model.infer([turns], { deadlineAt: Infinity, retryOnCrash: false }).catch(console.error)
  await eventually('the request at the host', () => model.stats().inFlight === 1)
}
process.send?.(model.stats().pid)
