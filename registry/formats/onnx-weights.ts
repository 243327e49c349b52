import type { OnnxHeader } from './onnx.js'

/** How a ModelPack config describes the weights of a model. */
export interface WeightsDescription {
  /** For example `66.9M`. */
  readonly paramSize: string
  /** For example `float32,int8`, the most frequent first; absent without any. */
  readonly precision?: string
}

const UNITS = [[1e12, 'T'], [1e9, 'B'], [1e6, 'M'], [1e3, 'K']] as const
/** Shapes and axes are initializers too; what is less than this share of all elements is no weight. */
const SHARE_MIN = 0.01

/** What the initializers of a model amount to. Pure. */
export function describeWeights (
  { parameterCount, precisions }: Pick<OnnxHeader, 'parameterCount' | 'precisions'>
): WeightsDescription {
  const named = precisions
    .filter(({ parameterCount: part }) => part > 0 && part >= parameterCount * SHARE_MIN)
    .map(({ precision }) => precision)
  return { paramSize: countText(parameterCount), ...named.length === 0 ? {} : { precision: named.join() } }
}

/** Three digits at most, and never a unit's thousandfold: 999,999 is 1M. */
function countText (count: number): string {
  const rounded = Number(count.toPrecision(3))
  const [size, letter] = UNITS.find(([unit]) => rounded >= unit) ?? [1, '']
  return size === 1 ? String(count) : `${Number((rounded / size).toPrecision(3))}${letter}`
}
