import { readFile } from 'node:fs/promises'
import { join } from 'node:path'
import type { Inspection, InspectionSource } from '../../registry/inspection.js'

export const TABULAR: Inspection = {
  task: 'tensor',
  inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 4] }],
  outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 3] }],
  labels: null,
  batchable: true
}

/** Bytes that stand for a model: what `fakeInspect` shall say about them, then a seed that makes them differ. */
export function modelBytes (seed: string, inspection: Partial<Inspection> = {}): string {
  return JSON.stringify({ ...TABULAR, ...inspection, seed })
}

/** Reads the model file as the real one does, through the folder it is given, but runs nothing. */
export async function fakeInspect ({ directory, modelFile, task }: InspectionSource): Promise<Inspection> {
  const text = await readFile(join(directory, modelFile), 'utf8')
  const { seed: _seed, ...inspection } = JSON.parse(text) as Inspection & { seed: string }
  return task === undefined ? inspection : { ...inspection, task }
}
