import { fork } from 'node:child_process'
import { availableParallelism } from 'node:os'
import { fileURLToPath } from 'node:url'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { Outcomes, simulate, type Experiment, type OutcomesJson, type Section } from './experiment.js'

/** Repetitions that a process does at a time: few enough to keep all cores busy to the end. */
const CHUNK_REPS = 250

/**
 * Some repetitions of one experiment. The seed depends on nothing but the place, so that the number of processes does
 * not change a figure.
 */
interface Task { readonly section: number, readonly experiment: number, readonly reps: number, readonly seed: number }
interface Answer { readonly task: Task, readonly outcomes: OutcomesJson }

export interface RunOptions {
  readonly reps: number
  readonly seed: number
  isWanted (section: Section, experiment: Experiment): boolean
}

/** Outcomes of the wanted experiments of a table, in order, computed on all cores. */
export async function runTable (
  script: URL, table: readonly Section[], options: RunOptions, onDone: (done: number, total: number) => void
): Promise<Map<Experiment, Outcomes>> {
  const tasks = tasksOf(table, options)
  const merged = new Map<Experiment, Outcomes>()
  const parts = new Map<number, OutcomesJson>()
  let [next, done] = [0, 0]
  const serve = (): Promise<void> => new Promise((resolve, reject) => {
    const child = fork(fileURLToPath(script), ['--serve'], { execArgv: ['--import', 'tsx'] })
    const ask = (): void => {
      const task = tasks[next++]
      if (task === undefined) child.disconnect()
      else child.send(task)
    }
    child.on('message', (message) => {
      const { task, outcomes } = message as Answer
      parts.set(task.seed, outcomes)
      onDone(++done, tasks.length)
      ask()
    })
    child.on('error', reject)
    child.on('exit', (code) => code === 0 ? resolve() : reject(new Error(`a simulating process ended with ${code}`)))
    ask()
  })
  await Promise.all(Array.from({ length: Math.min(availableParallelism(), tasks.length) }, serve))
  for (const task of tasks) {
    const experiment = table[task.section]!.experiments[task.experiment]!
    const outcomes = merged.get(experiment) ?? new Outcomes()
    outcomes.add(parts.get(task.seed)!)
    merged.set(experiment, outcomes)
  }
  return merged
}

/** In a child process: does the tasks it is sent, until the parent disconnects. */
export function serveTasks (table: readonly Section[]): void {
  process.on('message', (message) => {
    const task = message as Task
    const experiment = table[task.section]!.experiments[task.experiment]!
    const outcomes = simulate(experiment, task.reps, seededRandom(task.seed)).toJSON()
    process.send?.({ task, outcomes } satisfies Answer)
  })
}

function tasksOf (table: readonly Section[], { reps, seed, isWanted }: RunOptions): Task[] {
  return table.flatMap((section, s) => section.experiments.flatMap((experiment, e) => {
    if (!isWanted(section, experiment)) return []
    const total = Math.max(1, Math.round(reps * experiment.effort))
    return Array.from({ length: Math.ceil(total / CHUNK_REPS) }, (_, chunk): Task => ({
      section: s,
      experiment: e,
      reps: Math.min(CHUNK_REPS, total - chunk * CHUNK_REPS),
      seed: ((seed * 1_000 + s * 50 + e) * 10_000 + chunk) | 0
    }))
  }))
}
