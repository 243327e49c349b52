import { quote } from '../names.js'
import { FileCursor } from './cursor.js'
import type { ModelFileLimits } from './limits.js'

const LENGTH_BYTES = 8
const RANK_MAX = 64
const METADATA = '__metadata__'

/** Bits per element. */
const TYPES: Readonly<Record<string, number>> = {
  BOOL: 8,
  U8: 8,
  I8: 8,
  F8_E5M2: 8,
  F8_E4M3: 8,
  F8_E8M0: 8,
  U16: 16,
  I16: 16,
  F16: 16,
  BF16: 16,
  U32: 32,
  I32: 32,
  F32: 32,
  U64: 64,
  I64: 64,
  F64: 64,
  C64: 64,
  F4: 4,
  F6_E2M3: 6,
  F6_E3M2: 6
}

type Limits = Pick<ModelFileLimits, 'safetensorsHeaderBytesMax' | 'safetensorsTensorsMax'>

interface Span { readonly name: string, readonly begin: number, readonly end: number }

/**
 * Reads the header of a safetensors file: 8 bytes of length, a JSON object, the tensors without gap or overlap to the
 * end of the file. Only the header is held. Names of tensors are never taken for paths.
 * @throws RegistryError SOURCE_INVALID naming the file and the tensor
 */
export async function checkSafetensors (location: string, path: string, limits: Limits): Promise<void> {
  await FileCursor.use(location, { path, format: 'safetensors' }, async (cursor) => {
    if (cursor.sizeBytes < LENGTH_BYTES) throw cursor.fault('it is shorter than the length of its header')
    const stated = (await cursor.bytes(LENGTH_BYTES)).readBigUInt64LE()
    const headerMax = Math.min(limits.safetensorsHeaderBytesMax, cursor.left)
    if (stated > BigInt(headerMax)) {
      throw cursor.fault(`its header is to have ${stated} bytes, where at most ${headerMax} are possible or allowed`, 0)
    }
    const header = parseHeader(cursor, await cursor.bytes(Number(stated)))
    const names = Object.keys(header)
    if (names.length > limits.safetensorsTensorsMax) {
      throw cursor.fault(`it has ${names.length} tensors, more than the ${limits.safetensorsTensorsMax} allowed`)
    }
    const spans = names.filter((name) => name !== METADATA).map((name) => spanOf(cursor, name, header[name]))
    checkSpans(cursor, spans, cursor.left)
  })
}

function parseHeader (cursor: FileCursor, bytes: Buffer): Record<string, unknown> {
  let header: unknown
  try {
    header = JSON.parse(new TextDecoder('utf-8', { fatal: true }).decode(bytes))
  } catch {
    throw cursor.fault('its header is not JSON', LENGTH_BYTES)
  }
  if (!isObject(header)) throw cursor.fault('its header is not a JSON object', LENGTH_BYTES)
  const metadata = Object.hasOwn(header, METADATA) ? header[METADATA] : {}
  if (!isObject(metadata) || Object.values(metadata).some((value) => typeof value !== 'string')) {
    throw cursor.fault(`${METADATA} is not an object of texts`, LENGTH_BYTES)
  }
  return header
}

function spanOf (cursor: FileCursor, name: string, tensor: unknown): Span {
  const refuse = (what: string): Error => cursor.fault(`tensor ${quote(name)} ${what}`, LENGTH_BYTES)
  if (!isObject(tensor)) throw refuse('is not described by an object')
  const { dtype, shape, data_offsets: offsets } = tensor
  if (typeof dtype !== 'string' || !Object.hasOwn(TYPES, dtype)) throw refuse(`has the dtype ${quote(String(dtype))}, which is not known`)
  if (!isCounts(shape) || shape.length > RANK_MAX) throw refuse(`has no shape of at most ${RANK_MAX} whole numbers`)
  if (!isCounts(offsets) || offsets.length !== 2) throw refuse('has no data_offsets of two whole numbers')
  const [begin, end] = offsets as [number, number]
  const due = shape.reduce((product, length) => product * length, 1) * (TYPES[dtype] as number) / 8
  if (end - begin !== due) throw refuse(`of shape [${shape.join()}] and type ${dtype} has ${end - begin} bytes and must have ${due}`)
  return { name, begin, end }
}

/** Gaps are refused too: they could hide anything. */
function checkSpans (cursor: FileCursor, spans: Span[], dataBytes: number): void {
  spans.sort((a, b) => a.begin - b.begin || a.end - b.end)
  let end = 0
  for (const span of spans) {
    if (span.begin !== end) {
      throw cursor.fault(`tensor ${quote(span.name)} begins at ${span.begin} of the data, ` +
        (span.begin < end ? `within another one that ends at ${end}` : `after a gap that begins at ${end}`), LENGTH_BYTES)
    }
    end = span.end
  }
  if (end !== dataBytes) throw cursor.fault(`its tensors end at ${end} of the data, which has ${dataBytes} bytes`, LENGTH_BYTES)
}

function isObject (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCounts (value: unknown): value is number[] {
  return Array.isArray(value) && value.every((item) => Number.isSafeInteger(item) && item >= 0)
}
