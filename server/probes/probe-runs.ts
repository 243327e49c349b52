import { tensorToJson } from '../../models/json-tensor.js'
import type { LiveModel } from '../../models/pool.js'
import type { Tensor } from '../../models/tensor.js'
import { RegistryError } from '../../registry/errors.js'
import type { Registry } from '../../registry/registry.js'
import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import { parseField } from '../evaluation/fields.js'
import { LINE_BYTES_MAX } from '../evaluation/formats.js'
import { openDataset } from '../evaluation/open-dataset.js'
import type { Fleet } from '../fleet.js'
import { answerOf, expectedOf, tensorsOf } from '../rollouts/gate/row-tensors.js'
import type { ProbesPlan } from '../rollouts/spec/probes.js'
import { findUnexpected, type Probe } from './probe.js'
import { ProbeWatch } from './watch.js'

/** How the probes of a rollout are run. */
export interface Probes {
  /** @throws RegistryError when there is no such dataset, or it has no known answers */
  check (plan: ProbesPlan): void
  /** Begins a round when it is time for one; the sentence of a breach since the last look, once. */
  look (row: RolloutRow, plan: ProbesPlan): string | null
  /** No more rounds of this rollout. */
  forget (id: string): void
}

export interface ProbeRunsOptions {
  readonly registry: Pick<Registry, 'resolve' | 'showDataset' | 'materialiseDataset'>
  readonly fleet: Pick<Fleet, 'snapshot'>
  readonly now: () => number
}

/** A row: `isText` when what is right is a label or a text, not the elements of outputs. */
interface Known { readonly row: number, readonly input: unknown, readonly right: unknown, readonly isText: boolean }

interface Run {
  readonly watch: ProbeWatch
  readonly stop: AbortController
  rows: readonly Known[] | null
  isUnderWay: boolean
  nextAt: number
  breach: string | null
}

/**
 * Probes of the challengers of open rollouts, in rounds of all rows one after the other, beside the traffic and not
 * counted as such. A round fails with its first row that is not answered, not in time, or not as expected; also while
 * the challenger's host is down.
 */
export class ProbeRuns implements Probes {
  readonly #options: ProbeRunsOptions
  readonly #runs = new Map<string, Run>()

  constructor (options: ProbeRunsOptions) {
    this.#options = options
  }

  check ({ dataset }: ProbesPlan): void {
    const { registry } = this.#options
    const { name, version } = registry.resolve(dataset)
    const { dataset: { fields } } = registry.showDataset(name, version)
    if (fields.input !== undefined && (fields.label ?? fields.expected ?? fields.reference) !== undefined) return
    throw new RegistryError('DATASET_INVALID', `dataset ${name}:${version}: probes need a column of input, and one of label, expected or reference`)
  }

  look (row: RolloutRow, plan: ProbesPlan): string | null {
    const now = this.#options.now()
    const run = this.#run(row.id, plan)
    const { breach } = run
    run.breach = null
    if (run.isUnderWay || now < run.nextAt) return breach
    run.isUnderWay = true
    run.nextAt = now + plan.intervalMs
    this.#round(row, plan, run)
      .catch((error: Error) => error.message)
      .then((reason) => {
        run.isUnderWay = false
        run.breach ??= run.watch.count(reason)
      }, () => {})
    return breach
  }

  forget (id: string): void {
    this.#runs.get(id)?.stop.abort()
    this.#runs.delete(id)
  }

  #run (id: string, { failureLimit }: ProbesPlan): Run {
    let run = this.#runs.get(id)
    if (run === undefined) {
      const watch = new ProbeWatch(failureLimit)
      run = { watch, stop: new AbortController(), rows: null, isUnderWay: false, nextAt: 0, breach: null }
      this.#runs.set(id, run)
    }
    return run
  }

  /** Why a round failed; null when it passed. */
  async #round ({ model, challenger }: RolloutRow, plan: ProbesPlan, run: Run): Promise<string | null> {
    run.rows ??= await this.#read(plan, run.stop.signal)
    for (const known of run.rows) {
      run.stop.signal.throwIfAborted()
      const live = this.#options.fleet.snapshot().models.get(model)?.versions.get(challenger)?.live
      if (live?.state !== 'ready') return `the challenger is ${live?.state ?? 'not loaded'}`
      const fault = await this.#ask(live, known, plan).catch((error: Error) => error.message)
      if (fault !== null) return `row ${known.row}: ${fault}`
    }
    return null
  }

  async #ask (
    live: LiveModel, { input, right, isText }: Known, { timeoutMs, tolerance, output }: ProbesPlan
  ): Promise<string | null> {
    const inputs = tensorsOf(input, live.spec.inputs)
    const outputs = await live.infer(inputs, { deadlineAt: this.#options.now() + timeoutMs, retryOnCrash: false })
    const labels = 'labels' in live.spec ? live.spec.labels : undefined
    if (!isText) return findUnexpected(right as NonNullable<Probe['expect']>, tolerance, wanted(outputs, output))
    const [expected, answer] = [expectedOf(right, labels), answerOf(outputs, labels, output)]
    return expected === answer ? null : `expected ${JSON.stringify(expected)}, got ${JSON.stringify(answer)}`
  }

  /** The first rows, read once per rollout. */
  async #read ({ dataset, limit }: ProbesPlan, signal: AbortSignal): Promise<Known[]> {
    const { registry } = this.#options
    const opened = await openDataset(registry as Registry, dataset, { lineBytesMax: LINE_BYTES_MAX, signal })
    const { table, release, dataset: { fields } } = opened
    try {
      const input = parseField(fields.input!)
      const right = parseField((fields.label ?? fields.expected ?? fields.reference)!)
      const rows: Known[] = []
      for await (const row of table.rows()) {
        const value = right.read(row.fields)
        const isText = fields.label !== undefined || typeof value === 'string'
        rows.push({ row: row.number, input: input.read(row.fields), right: value, isText })
        if (rows.length === limit) break
      }
      return rows
    } finally {
      release()
    }
  }
}

function wanted (outputs: readonly Tensor[], output: string | null) {
  return outputs.filter(({ name }) => output === null || name === output).map(tensorToJson)
}
