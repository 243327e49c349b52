import { quote } from '../names.js'
import type { Serving } from '../serving.js'
import type { TensorSpec } from './tensors.js'

/**
 * What an application that calls the champion would notice if the challenger answered: one sentence per difference
 * in task, labels, and the names, datatypes and shapes of inputs and outputs. Empty when compatible. Pure.
 */
export function compareSignatures (champion: Serving, challenger: Serving): string[] {
  const differences: string[] = []
  if (champion.task !== challenger.task) {
    differences.push(`the task is ${champion.task} for the champion and ${challenger.task} for the challenger`)
  }
  differences.push(...compareSpecs('input', champion.inputs, challenger.inputs))
  differences.push(...compareSpecs('output', champion.outputs, challenger.outputs))
  const [ours, theirs] = [champion.labels ?? null, challenger.labels ?? null]
  if (JSON.stringify(ours) !== JSON.stringify(theirs)) {
    differences.push(
      `the labels are ${describeLabels(ours)} for the champion and ${describeLabels(theirs)} for the challenger`)
  }
  return differences
}

function compareSpecs (kind: 'input' | 'output', champion: TensorSpec[], challenger: TensorSpec[]): string[] {
  const differences: string[] = []
  const others = new Map(challenger.map((spec) => [spec.name, spec]))
  for (const spec of champion) {
    const other = others.get(spec.name)
    others.delete(spec.name)
    const name = `${kind} ${quote(spec.name)}`
    if (other === undefined) {
      differences.push(`the challenger has no ${name}`)
      continue
    }
    if (spec.datatype !== other.datatype) {
      differences.push(`${name} is ${spec.datatype} for the champion and ${other.datatype} for the challenger`)
    }
    if (spec.shape.join() !== other.shape.join()) {
      differences.push(
        `${name} has shape [${spec.shape.join()}] for the champion and [${other.shape.join()}] for the challenger`)
    }
  }
  for (const name of others.keys()) differences.push(`the champion has no ${kind} ${quote(name)}`)
  return differences
}

function describeLabels (labels: string[] | null): string {
  if (labels === null) return 'none'
  const shown = labels.slice(0, 8).map(quote).join(', ')
  return labels.length > 8 ? `${shown} and ${labels.length - 8} more` : shown
}
