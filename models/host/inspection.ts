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
  if (source.task !== undefined && source.task !== 'tensor') {
    return inspectText(source, { task: source.task, from: 'as asked for' }, files)
  }
  const runner = await OnnxRunner.load(join(source.directory, source.modelFile), THREADS)
  const { task, from } = source.task === undefined ? guessTask(files, runner) : { task: source.task, from: 'as asked for' }
  if (task !== 'tensor') return inspectText(source, { task, from }, files, runner)
  const graph = `${source.modelFile} graph`
  return {
    task,
    inputs: [...runner.inputs],
    outputs: [...runner.outputs],
    labels: files.config.labels === null ? null : [...files.config.labels],
    batchable: await isBatchable(runner),
    origins: { task: from, inputs: graph, outputs: graph, labels: 'config.json id2label', batchable: 'tried' }
  }
}

async function inspectText (
  source: ModelSource, { task, from }: { task: Task, from: string }, files: ModelFiles, loaded?: OnnxRunner
): Promise<Inspection> {
  if (!files.hasTokenizer) throw new Error(`task ${task} needs a tokenizer.json beside the model`)
  const { TextRunner } = await import('./pipelines.js')
  const runner = await TextRunner.load({
    ...source,
    task,
    ...(files.pooling === null ? {} : { pooling: files.pooling }),
    ...(files.normalize === null ? {} : { normalize: files.normalize }),
    batchable: true
  }, THREADS, loaded)
  if (runner.pooling !== null && runner.pooling !== 'none' && files.unknownModule !== null) {
    throw new Error(`modules.json asks for ${files.unknownModule} after pooling, which is not applied to a graph that gives one vector per token`)
  }
  const graph = `${source.modelFile} graph`
  const isPooledByGraph = runner.pooling === 'none'
  return {
    task,
    inputs: [...runner.inputs],
    outputs: [...runner.outputs],
    labels: runner.labels === null ? null : [...runner.labels],
    ...(runner.pooling === null ? {} : { pooling: runner.pooling, normalize: runner.normalize }),
    batchable: await isBatchable(runner),
    origins: {
      task: from,
      inputs: 'tokenizer.json',
      outputs: graph,
      labels: files.config.labels === null ? 'default' : 'config.json id2label',
      pooling: isPooledByGraph ? graph : files.pooling === null ? 'default' : '1_Pooling/config.json',
      normalize: files.normalize === null ? 'default' : 'modules.json',
      batchable: 'tried'
    }
  }
}
