/** Bytes from `start` up to, without, `end`. */
export interface ByteRange { readonly start: number, readonly end: number }

/**
 * The one range that a `Range` header asks for. Null for none, for several and for what is malformed, all of which mean
 * the whole; 'unsatisfiable' for one behind the end. RFC 9110, 14.2. Pure.
 */
export function parseByteRange (header: string | undefined, sizeBytes: number): ByteRange | 'unsatisfiable' | null {
  const [, first = '', last = ''] = /^bytes=(\d{0,15})-(\d{0,15})$/.exec(header?.trim() ?? '') ?? []
  if (first === '' && last === '') return null
  if (first === '') {
    const length = Math.min(Number(last), sizeBytes)
    return length === 0 ? 'unsatisfiable' : { start: sizeBytes - length, end: sizeBytes }
  }
  if (last !== '' && Number(last) < Number(first)) return null
  if (Number(first) >= sizeBytes) return 'unsatisfiable'
  return { start: Number(first), end: last === '' ? sizeBytes : Math.min(Number(last) + 1, sizeBytes) }
}
