/**
 * JSON numbers beyond 2^53 that JSON.parse would round: 16 digits or more, outside strings, no fraction or exponent.
 */
const STRING_OR_LONG_INTEGER = /"(?:\\.|[^"\\])*"|-?\d{16,}(?![\d.eE])/g
/** Marks an integer that was kept as text. A body that holds the mark itself is parsed the usual way. */
const MARK = '\u0000int:'

/**
 * Parses JSON; integers of 16 digits and more come back as bigint where they stand in an array, the rest as usual.
 * Used for bodies with 64-bit tensors only, since it is several times slower than JSON.parse.
 */
export function parseWithBigInts (text: string): unknown {
  if (text.includes('\\u0000int:')) return JSON.parse(text)
  const marked = text.replaceAll(STRING_OR_LONG_INTEGER, (token) => token.startsWith('"') ? token : `"\\u0000int:${token}"`)
  return JSON.parse(marked, (_key, value: unknown) =>
    typeof value === 'string' && value.startsWith(MARK) ? BigInt(value.slice(MARK.length)) : value)
}

const scratch = new DataView(new ArrayBuffer(4))

/** The value of IEEE 754 half-precision bits. */
export function halfToNumber (bits: number): number {
  const sign = bits & 0x8000 ? -1 : 1
  const exponent = bits >> 10 & 0x1f
  const fraction = bits & 0x3ff
  if (exponent === 0) return sign * fraction * 2 ** -24
  if (exponent === 31) return fraction === 0 ? sign * Infinity : NaN
  return sign * (1 + fraction / 1024) * 2 ** (exponent - 15)
}

/** The nearest half-precision bits of a number, ties to even; beyond 65,504 it is infinity. */
export function numberToHalf (value: number): number {
  scratch.setFloat32(0, value)
  const sign = scratch.getUint16(0) & 0x8000
  const magnitude = Math.abs(value)
  if (Number.isNaN(value)) return 0x7e00
  if (magnitude >= 65_520) return sign | 0x7c00
  if (magnitude < 2 ** -14) return sign | roundHalfEven(magnitude * 2 ** 24)
  const exponent = Math.floor(Math.log2(magnitude))
  const fraction = roundHalfEven((magnitude / 2 ** exponent - 1) * 1024)
  return sign | ((exponent + 15) * 1024 + fraction)
}

function roundHalfEven (value: number): number {
  const floor = Math.floor(value)
  const rest = value - floor
  if (rest !== 0.5) return Math.round(value)
  return floor % 2 === 0 ? floor : floor + 1
}
