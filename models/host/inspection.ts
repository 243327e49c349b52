import { join } from 'node:path'
import type { Inspection, ModelSource, Task } from '../host-spec.js'
import { readModelFiles, type ModelFiles } from './model-files.js'
import { OnnxRunner } from './onnx.js'
import { isBatchable } from './probe.js'
import { guessTask } from './task.js'

const THREADS = 1

/** What a model is, read from its own files, and whether its requests may be joined, found by trying. */
export async function inspectFiles (source: ModelSource): Promise<Inspection> {
  const files = readModelFiles(source.directory)
  if (source.task !== undefined && source.task !== 'tensor') return inspectText(source, source.task, files)
  const runner = await OnnxRunner.load(join(source.directory, source.modelFile), THREADS)
  const task = source.task ?? guessTask(files, runner).task
  if (task !== 'tensor') return inspectText(source, task, files, runner)
  return {
    task,
    inputs: [...runner.inputs],
    outputs: [...runner.outputs],
    labels: files.config.labels === null ? null : [...files.config.labels],
    batchable: await isBatchable(runner)
  }
}

async function inspectText (
  source: ModelSource, task: Task, files: ModelFiles, graph?: OnnxRunner
): Promise<Inspection> {
  if (!files.hasTokenizer) throw new Error(`task ${task} needs a tokenizer.json beside the model`)
  const { TextRunner } = await import('./pipelines.js')
  const runner = await TextRunner.load({
    ...source,
    task,
    ...(files.pooling === null ? {} : { pooling: files.pooling }),
    ...(files.normalize === null ? {} : { normalize: files.normalize }),
    batchable: true
  }, THREADS, graph)
  if (runner.pooling !== null && runner.pooling !== 'none' && files.unknownModule !== null) {
    throw new Error(`modules.json asks for ${files.unknownModule} after pooling, which is not applied to a graph that gives one vector per token`)
  }
  return {
    task,
    inputs: [...runner.inputs],
    outputs: [...runner.outputs],
    labels: runner.labels === null ? null : [...runner.labels],
    ...(runner.pooling === null ? {} : { pooling: runner.pooling, normalize: runner.normalize }),
    batchable: await isBatchable(runner)
  }
}
