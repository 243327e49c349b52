import type { Worker } from 'node:worker_threads'
import type { LiveModel } from '../../../models/pool.js'
import { RegistryError } from '../../../registry/errors.js'
import type { Registry } from '../../../registry/registry.js'
import type { RolloutRow } from '../../../registry/rollouts/rollout.js'
import type { Fleet } from '../../fleet.js'
import type { Target } from '../../routing/snapshot.js'
import { startThread } from '../../thread.js'
import type { GatePlan } from '../spec/gate.js'
import type { GateEvidence } from './judge.js'
import type { FromGate, ToGate } from './messages.js'
import type { Answered } from './replay-rows.js'
import { answerOf, tensorsOf } from './row-tensors.js'

/** How the engine has the gate of a rollout passed. */
export interface Gates {
  /** @throws RegistryError when there is no such dataset or encoder, or it is of another kind */
  check (gate: GatePlan): void
  /** Runs the gate of a rollout unless it is under way; what came out, or null until then. */
  look (row: RolloutRow, gate: GatePlan): GateEvidence | null
  /** Ends what is under way and forgets what came out. */
  forget (id: string): void
}

export interface GateRunsOptions {
  readonly registry: Pick<Registry, 'resolve' | 'showDataset' | 'show' | 'materialiseDataset'>
  readonly fleet: Pick<Fleet, 'snapshot'>
  readonly dataDir: string
  readonly now: () => number
}

const NO_ANSWER = 'its outputs are neither one value nor scores of its labels'

interface Run { evidence: GateEvidence | null, readonly stop: AbortController }

/**
 * Gates under way. A thread reads and scores the rows, so that requests of users do not wait for that; the versions
 * answer in their hosts, beside the traffic, which is not counted as such. A gateway that ends meanwhile runs the gate
 * again when it is back: it changes nothing.
 */
export class GateRuns implements Gates {
  readonly #options: GateRunsOptions
  readonly #runs = new Map<string, Run>()

  constructor (options: GateRunsOptions) {
    this.#options = options
  }

  check ({ dataset, encoder }: GatePlan): void {
    const { registry } = this.#options
    const { name, version } = registry.resolve(dataset)
    const { dataset: { fields } } = registry.showDataset(name, version)
    if (fields.input === undefined || rightOf(fields) === null) {
      throw new RegistryError('DATASET_INVALID', `dataset ${name}:${version}: a gate needs a column of input, and one of label, expected or reference`)
    }
    if (encoder === null) return
    const found = registry.resolve(encoder)
    registry.show(found.name, found.version)
  }

  look (row: RolloutRow, gate: GatePlan): GateEvidence | null {
    const run = this.#runs.get(row.id)
    if (run !== undefined) return run.evidence
    const versions = this.#options.fleet.snapshot().models.get(row.model)?.versions
    const [champion, challenger] = [versions?.get(row.champion), versions?.get(row.challenger)]
    if (champion?.live.state !== 'ready' || challenger?.live.state !== 'ready') return null
    const begun: Run = { evidence: null, stop: new AbortController() }
    this.#runs.set(row.id, begun)
    const late = new Error(`it took longer than ${gate.timeoutMs / 1_000} s`)
    const timer = setTimeout(() => { begun.stop.abort(late) }, gate.timeoutMs)
    this.#replay(gate, champion, challenger, begun.stop.signal)
      .catch((error: Error): GateEvidence => faultOf(gate.dataset, error.message))
      .then((evidence) => {
        begun.evidence = evidence
        clearTimeout(timer)
      }, () => {})
    return null
  }

  forget (id: string): void {
    this.#runs.get(id)?.stop.abort(new Error('it is not needed any more'))
    this.#runs.delete(id)
  }

  close (): void {
    for (const id of [...this.#runs.keys()]) this.forget(id)
  }

  async #replay (
    gate: GatePlan, champion: Target<LiveModel>, challenger: Target<LiveModel>, signal: AbortSignal
  ): Promise<GateEvidence> {
    const { registry, dataDir } = this.#options
    const { name, version } = registry.resolve(gate.dataset)
    const { directory, digest, dataset, release } = await registry.materialiseDataset(name, version)
    const { format, header, files, fields } = dataset
    try {
      signal.throwIfAborted()
      const { label, reference } = rightOf(fields)!
      const thread = startThread(new URL('./worker.js', import.meta.url), {
        label: `${name}:${version}`,
        directory,
        files: files.filter(({ rows }) => rows > 0).map(({ path }) => path),
        format,
        header,
        fields: { input: fields.input!, label, reference },
        labels: labelsOf(challenger),
        metrics: gate.spec.metrics.map(({ metric }) => metric),
        limit: gate.limit,
        concurrency: gate.concurrency,
        encoder: gate.encoder,
        dataDir
      })
      const replayed = await this.#converse(thread, (input) => this.#ask(input, gate, champion, challenger), signal)
      return { gate: { dataset: `${name}:${version}`, digest, ...replayed, fault: null } }
    } finally {
      release()
    }
  }

  /** Answers what the thread asks until it is done. */
  async #converse (
    thread: Worker, ask: (input: unknown) => Promise<Answered>, signal: AbortSignal
  ): Promise<Extract<FromGate, { kind: 'done' }>['replayed']> {
    try {
      return await new Promise((resolve, reject) => {
        const stop = (): void => {
          const { message } = signal.reason as Error
          reject(new Error(message))
        }
        signal.addEventListener('abort', stop, { once: true })
        thread.on('error', reject)
        thread.on('exit', () => { reject(new Error('the thread that replays rows has ended')) })
        thread.on('message', (message: FromGate) => {
          if (message.kind === 'done') resolve(message.replayed)
          else if (message.kind === 'failed') reject(new Error(message.message))
          else {
            ask(message.input)
              .then((answered) => { thread.postMessage({ id: message.id, answered } satisfies ToGate) })
              .catch((error: Error) => { reject(error) })
          }
        })
      })
    } finally {
      await thread.terminate()
    }
  }

  async #ask (
    input: unknown, { output, rowTimeoutMs }: GatePlan, champion: Target<LiveModel>, challenger: Target<LiveModel>
  ): Promise<Answered> {
    const of = async (target: Target<LiveModel>): Promise<{ answer: string | null, message: string }> => {
      const { live } = target
      try {
        const inputs = tensorsOf(input, live.spec.inputs)
        const deadlineAt = this.#options.now() + rowTimeoutMs
        const outputs = await live.infer(inputs, { deadlineAt, retryOnCrash: false })
        return { answer: answerOf(outputs, labelsOf(target), output), message: NO_ANSWER }
      } catch (error) {
        return { answer: null, message: (error as Error).message }
      }
    }
    const [one, other] = await Promise.all([of(champion), of(challenger)])
    return { champion: one.answer, challenger: other.answer, message: other.answer === null ? other.message : null }
  }
}

/** A gate that could not be run. */
function faultOf (dataset: string, fault: string): GateEvidence {
  return {
    gate: { dataset, digest: null, rows: 0, failures: { champion: 0, challenger: 0, first: null }, values: {}, fault }
  }
}

/** The columns that say what is right: as a label, and as text. */
function rightOf (
  { label, expected, reference }: { readonly label?: string, readonly expected?: string, readonly reference?: string }
): { label: string, reference: string } | null {
  const right = label ?? expected ?? reference
  return right === undefined ? null : { label: right, reference: reference ?? expected ?? right }
}

function labelsOf ({ live: { spec } }: Target<LiveModel>): readonly string[] | undefined {
  return 'labels' in spec ? spec.labels : undefined
}
