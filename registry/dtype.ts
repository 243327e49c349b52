import { RegistryError } from './errors.js'
import { quote } from './names.js'

/** How transformers.js 4 names the variants of one model: `model` + ending + `.onnx`, by data type of the weights. */
const ENDINGS = {
  fp32: '',
  fp16: '_fp16',
  q8: '_quantized',
  int8: '_int8',
  uint8: '_uint8',
  q4: '_q4',
  q4f16: '_q4f16',
  bnb4: '_bnb4',
  q2: '_q2',
  q2f16: '_q2f16',
  q1: '_q1',
  q1f16: '_q1f16'
} as const

/** `auto`: fp32 where it is there, else the only one. */
export type Dtype = 'auto' | keyof typeof ENDINGS

export const DTYPES: readonly Dtype[] = ['auto', ...Object.keys(ENDINGS) as Array<keyof typeof ENDINGS>]

/** Where variants are looked for; what stands further up is preferred. */
const VARIANT = /^(onnx\/)?model((?:_[^/]*)?)\.onnx$/

/** What belongs to a model by its name: `model.onnx_data`, `model.onnx_data_1`, `model.onnx.data`. */
const DATA = /^(.+\.onnx)(?:_data(?:_\d+)?|\.data)$/

/** What is asked for; `stated` is what serving.json names. */
interface Wish { readonly dtype?: Dtype | undefined, readonly stated?: string | undefined }

export interface ModelChoice {
  readonly modelFile: string
  /** The other variants and their external data. */
  readonly omitted: ReadonlySet<string>
}

/**
 * Which of a model's variants is published. Null when there is no variant at all.
 * Pure. @throws RegistryError SOURCE_INVALID listing the variants when `dtype` fits none, or none is preferred
 */
export function chooseVariant (label: string, paths: readonly string[], { dtype, stated }: Wish): ModelChoice | null {
  const variants = paths.filter((path) => VARIANT.test(path)).sort(byPreference)
  if (stated !== undefined) {
    if (dtype !== undefined && dtype !== 'auto' && dtypeOf(stated) !== dtype) {
      throw new RegistryError('SERVING_INVALID',
        `serving.json: /modelFile is ${quote(stated)} but the data type asked for is ${dtype}; change one of them`)
    }
    return paths.includes(stated) ? choice(stated, paths, variants) : null
  }
  if (variants.length === 0) return null
  const wanted = dtype === undefined || dtype === 'auto' ? 'fp32' : dtype
  const found = variants.find((path) => dtypeOf(path) === wanted) ??
    (dtype === undefined || dtype === 'auto' ? onlyOne(variants) : undefined)
  if (found !== undefined) return choice(found, paths, variants)
  const listed = variants.map((path) => describe(path)).join(', ')
  throw new RegistryError('SOURCE_INVALID', dtype === undefined || dtype === 'auto'
    ? `${quote(label)} has several variants of the model and none in fp32: ${listed}; choose one with --dtype, or name it as ` +
      'modelFile in serving.json'
    : `${quote(label)} has no variant with the data type ${dtype}; it has ${listed}`)
}

/** The model whose external data a file is, by its name; null for other files. */
export function ownerOf (path: string): string | null {
  return DATA.exec(path)?.[1] ?? null
}

/** The variants in the root come first, then by name. */
function byPreference (a: string, b: string): number {
  return Number(a.startsWith('onnx/')) - Number(b.startsWith('onnx/')) || (a < b ? -1 : 1)
}

function onlyOne (variants: readonly string[]): string | undefined {
  return variants.length === 1 ? variants[0] : undefined
}

function choice (modelFile: string, paths: readonly string[], variants: readonly string[]): ModelChoice {
  const others = new Set(variants.filter((path) => path !== modelFile))
  const data = paths.filter((path) => others.has(ownerOf(path) ?? ''))
  return { modelFile, omitted: new Set([...others, ...data]) }
}

/** The data type that a name promises; null for other names, such as those that say how a graph was optimised. */
function dtypeOf (path: string): Dtype | null {
  const ending = VARIANT.exec(path)?.[2]
  const found = Object.entries(ENDINGS).find(([, candidate]) => candidate === ending)
  return found === undefined ? null : found[0] as Dtype
}

function describe (path: string): string {
  const dtype = dtypeOf(path)
  return dtype === null ? quote(path) : `${quote(path)} (${dtype})`
}
