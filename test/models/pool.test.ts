import { fork } from 'node:child_process'
import { once } from 'node:events'
import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { getPriority } from 'node:os'
import { afterAll, afterEach, beforeAll, describe, expect, it, vi } from 'vitest'
import type { HostSpec } from '../../models/host-spec.js'
import type * as Pool from '../../models/pool.js'
import type { LiveModel, PoolOptions } from '../../models/pool.js'
import type { Tensor } from '../../models/tensor.js'
import { compiledFile, importCompiled } from '../support/compiled.js'
import {
  countingModel, doublingModel, lookupModel, modelFolder, poolOptions, rows, summingModel, tensorSpec
} from '../support/models-hosts.js'
import { isAlive } from '../support/processes.js'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { eventually } from '../support/wait.js'

const { ModelPool } = await importCompiled<typeof Pool>('models/pool.js')
const folder = modelFolder()
const once10s = () => ({ deadlineAt: performance.now() + 10_000, retryOnCrash: false })

let doubling: HostSpec
let lookup: HostSpec
let counting: HostSpec
let pools: Pool.ModelPool[] = []

function openPool (overrides: Partial<PoolOptions> = {}): { pool: Pool.ModelPool, logged: string[] } {
  const options = poolOptions(overrides)
  const pool = new ModelPool(options)
  pools.push(pool)
  return { pool, logged: options.logged }
}

async function ready (spec: HostSpec, overrides: Partial<PoolOptions> = {}): Promise<LiveModel> {
  const model = openPool(overrides).pool.ensure(spec)
  await model.whenReady()
  return model
}

function turns (count: bigint): Tensor[] {
  return [{ name: 'turns', datatype: 'INT64', shape: [1], data: BigInt64Array.of(count) }]
}

function index (...indices: number[]): Tensor[] {
  return [{ name: 'index', datatype: 'INT64', shape: [indices.length, 1], data: BigInt64Array.from(indices, BigInt) }]
}

beforeAll(() => {
  doubling = tensorSpec(
    folder.write('doubling', doublingModel(2)),
    [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }], [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }]
  )
  lookup = tensorSpec(
    folder.write('lookup', lookupModel()),
    [{ name: 'index', datatype: 'INT64', shape: [-1, 1] }], [{ name: 'found', datatype: 'FP64', shape: [-1, 1] }]
  )
  counting = tensorSpec(
    folder.write('counting', countingModel()),
    [{ name: 'turns', datatype: 'INT64', shape: [1] }], [{ name: 'count', datatype: 'INT64', shape: [1] }],
    { batching: { batchable: false, maxBatch: 1, maxDelayMs: 0 } }
  )
})

afterEach(async () => {
  vi.unstubAllEnvs()
  await Promise.all(pools.map((pool) => pool.close()))
  pools = []
})

afterAll(() => folder.remove())

describe('a live model', () => {
  it('answers every request of a batch with its own rows', async () => {
    const model = await ready(doubling)
    const random = seededRandom(7).uniform
    const requests = Array.from({ length: 300 }, () => {
      return Array.from({ length: 1 + Math.floor(random() * 3) }, () => [Math.fround(random()), Math.fround(random())])
    })

    const answers = await Promise.all(requests.map((values) => model.infer([rows('x', values)], once10s())))

    answers.forEach(([output], at) => {
      const expected = (requests[at] as number[][]).flat().map((value) => Math.fround(Math.fround(value * 2) + 1))
      expect(output).toMatchObject({ name: 'y', datatype: 'FP32', shape: [requests[at]?.length, 2] })
      expect([...output?.data as Float32Array]).toEqual(expected)
    })
    const stats = model.stats()
    expect(stats.rows).toBe(requests.flat().length)
    expect(stats.batches).toBeLessThan(requests.length)
  })

  it('reports the memory and processor time of its own process, under its own title', async () => {
    const model = await ready(doubling)

    const stats = await eventually('the first report', () => model.stats().rssBytes > 0 && model.stats())

    expect(stats.cpuSeconds).toBeGreaterThan(0)
    expect(readFileSync(`/proc/${stats.pid}/cmdline`, 'utf8')).toContain('gauntlet-host model:1')
    expect(getPriority(stats.pid as number)).toBe(getPriority())
  })

  it('lets one bad request of a batch fail alone', async () => {
    const model = await ready(lookup)

    const answers = await Promise.allSettled([0, 7, 2].map((each) => model.infer(index(each), once10s())))

    expect(answers.map((answer) => answer.status === 'fulfilled' ? answer.value[0]?.data[0] : (answer.reason as { code: string }).code))
      .toEqual([0.5, 'INFERENCE_FAILED', 2.5])
  })

  it('answers right, and stops joining, when the outputs turn out not to follow the batch', async () => {
    const { pool, logged } = openPool()
    const shape = [-1, 2]
    const model = pool.ensure(tensorSpec(folder.write('summing', summingModel()), [{ name: 'x', datatype: 'FP32', shape }], [{ name: 'sum', datatype: 'FP32', shape }]))

    const answers = await Promise.all([[1, 2], [3, 4]].map((row) => model.infer([rows('x', [row])], once10s())))

    expect(answers.map(([output]) => [...output?.data as Float32Array])).toEqual([[1, 2], [3, 4]])
    expect(logged.join()).toContain('requests are no longer joined')
  })

  it('refuses requests over queueMax and fails those whose deadline comes while they wait', async () => {
    const model = openPool({ queueMax: 2 }).pool.ensure(doubling)
    const deadlineAt = performance.now() + 20

    const answers = await Promise.allSettled([1, 2, 3].map(() => model.infer([rows('x', [[1, 1]])], { deadlineAt, retryOnCrash: true })))

    expect(answers.map((answer) => answer.status === 'rejected' && (answer.reason as { code: string }).code))
      .toEqual(['DEADLINE_EXCEEDED', 'DEADLINE_EXCEEDED', 'QUEUE_FULL'])
  })

  it('answers after a restart what waited when its host was killed', async () => {
    const model = await ready(counting)
    const killed = model.stats().pid as number
    const running = model.infer(turns(1_000_000_000n), once10s())
    const waiting = model.infer(turns(3n), once10s())
    await eventually('the slow request at the host', () => model.stats().inFlight === 1)

    process.kill(killed, 'SIGKILL')

    await expect(running).rejects.toMatchObject({ code: 'HOST_CRASHED' })
    expect((await waiting)[0]?.data).toEqual(BigInt64Array.of(3n))
    expect(model.stats()).toMatchObject({ restarts: 1 })
    expect(model.stats().pid).not.toBe(killed)
  })

  it('tries a request again that its host took with it, if the caller allows it', async () => {
    const model = await ready(counting)
    const slow = model.infer(turns(300_000n), { deadlineAt: performance.now() + 20_000, retryOnCrash: true })
    await eventually('the request at the host', () => model.stats().inFlight === 1)

    process.kill(model.stats().pid as number, 'SIGKILL')

    expect((await slow)[0]?.data).toEqual(BigInt64Array.of(300_000n))
  })

  it('kills and restarts a host that hangs', async () => {
    const { pool, logged } = openPool({ hangTimeoutMs: 300 })
    const model = pool.ensure(counting)

    await expect(model.infer(turns(10n ** 12n), once10s())).rejects.toMatchObject({ code: 'HOST_CRASHED' })

    expect((await model.infer(turns(2n), once10s()))[0]?.data).toEqual(BigInt64Array.of(2n))
    expect(logged.join()).toContain('a batch took longer than 300 ms')
  })
})

describe('loading', () => {
  it('fails at once, and for good, on a file that is no model', async () => {
    const { pool } = openPool()
    const model = pool.ensure(tensorSpec(folder.write('broken', Buffer.from('not a model')), [], []))

    await expect(model.whenReady()).rejects.toMatchObject({ code: 'LOAD_FAILED' })

    expect(model).toMatchObject({ state: 'failed', error: expect.stringContaining('model.onnx failed') as string })
    expect(model.stats().restarts).toBe(0)
    await expect(model.infer([rows('x', [[1, 1]])], once10s())).rejects.toMatchObject({ code: 'HOST_NOT_READY' })
  })

  it('passes golden examples that hold', async () => {
    const example = {
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [3, 5.0004] }],
      tolerance: 1e-4
    } as const

    await expect(ready({ ...doubling, examples: [example] })).resolves.toMatchObject({ state: 'ready' })
  })

  it('fails on a golden example that does not hold, and says which, and how', async () => {
    const example = (expected: number) => ({
      inputs: [{ name: 'x', datatype: 'FP32', shape: [1, 2], data: [1, 2] }],
      outputs: [{ name: 'y', datatype: 'FP32', shape: [1, 2], data: [3, expected] }],
      tolerance: 1e-4
    } as const)

    await expect(ready({ ...doubling, examples: [example(5), example(6)] })).rejects.toMatchObject({
      code: 'LOAD_FAILED',
      message: expect.stringContaining('golden example 1, output "y": element 1: expected 6, got 5 (tolerance 0.0001)') as string
    })
  })

  it('is given up after restartsMax failed starts', async () => {
    const { pool } = openPool({ loadTimeoutMs: 1, restartsMax: 2 })
    const model = pool.ensure(doubling)

    await expect(model.whenReady()).rejects.toMatchObject({ code: 'LOAD_FAILED' })

    expect(model.error).toContain('loading took longer than 1 ms (start 2 of 2)')
    expect(model.stats().restarts).toBe(1)
  })
})

describe('the pool', () => {
  it('keeps one live model per name and version and tells its states', async () => {
    const { pool } = openPool()
    const states: string[] = []
    pool.onState((model) => states.push(`${model.key} ${model.state}`))

    const model = pool.ensure(doubling)
    await model.whenReady()

    expect(pool.ensure(doubling)).toBe(model)
    expect(pool.get('model:1')).toBe(model)
    expect(pool.list()).toEqual([model])
    await pool.remove('model:1')
    expect([pool.get('model:1'), states]).toEqual([undefined, ['model:1 ready', 'model:1 stopped']])
  })

  it('lets a removed model finish what it has, and takes nothing new', async () => {
    const { pool } = openPool()
    const model = pool.ensure(counting)
    await model.whenReady()
    const pid = model.stats().pid as number
    const accepted = [model.infer(turns(100_000n), once10s()), model.infer(turns(5n), once10s())]

    const removed = pool.remove(model.key)

    await expect(model.infer(turns(1n), once10s())).rejects.toMatchObject({ code: 'HOST_NOT_READY' })
    expect((await Promise.all(accepted)).map(([output]) => output?.data[0])).toEqual([100_000n, 5n])
    await removed
    expect([model.state, isAlive(pid)]).toEqual(['stopped', false])
  })

  it('leaves no process and no socket behind when it closes', async () => {
    vi.stubEnv('TMPDIR', folder.path)
    const { pool } = openPool()
    const model = pool.ensure(counting)
    await model.whenReady()
    const pid = model.stats().pid as number
    const running = model.infer(turns(10n ** 12n), once10s())
    await eventually('the endless request at the host', () => model.stats().inFlight === 1)

    const opened = readdirSync(folder.path).filter((name) => name.startsWith('gauntlet-hosts-'))
    const closed = pool.close()

    await expect(running).rejects.toMatchObject({ code: 'HOST_NOT_READY' })
    await closed
    expect(isAlive(pid)).toBe(false)
    expect(opened).toHaveLength(1)
    expect(readdirSync(folder.path).filter((name) => name.startsWith('gauntlet-hosts-'))).toEqual([])
  })

  it.each([
    ['idle', []],
    ['in an endless run', ['1000000000000']]
  ])('takes a host with it that is %s when its process is killed', async (_, turnsToCount) => {
    const parent = fork(compiledFile('test/support/models-parent.js'), [counting.directory, ...turnsToCount], {
      execArgv: [],
      env: { ...process.env, TMPDIR: folder.path } // a killed process cannot remove its socket
    })
    const [pid] = await once(parent, 'message') as [number]
    expect(existsSync(`/proc/${pid}`)).toBe(true)

    parent.kill('SIGKILL')

    await eventually('the end of the host', () => !isAlive(pid))
  })
})
