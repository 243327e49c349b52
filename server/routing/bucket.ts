const encoder = new TextEncoder()

/** Buckets per rollout; a weight in basis points is a number of buckets. */
export const BUCKETS = 10_000

/** Keys up to this length are hashed without an allocation when they are ASCII, as nearly all are. */
const ASCII_MAX = 512
const ascii = new Uint8Array(ASCII_MAX)

/**
 * MurmurHash3, x86, 32 bit (Appleby, public domain reference), over the UTF-8 bytes of `text`.
 * Returns an unsigned 32-bit integer. O(length).
 */
export function murmur3 (text: string, seed = 0): number {
  return hashBytes(utf8(text), seed)
}

/** The UTF-8 bytes of `text`; valid until the next call. */
function utf8 (text: string): Uint8Array {
  if (text.length > ASCII_MAX) return encoder.encode(text)
  for (let i = 0; i < text.length; i++) {
    const code = text.charCodeAt(i)
    if (code > 0x7f) return encoder.encode(text)
    ascii[i] = code
  }
  return ascii.subarray(0, text.length)
}

function hashBytes (bytes: Uint8Array, seed: number): number {
  const blocks = bytes.length & ~3
  let hash = seed | 0
  for (let i = 0; i < blocks; i += 4) {
    const word = bytes[i]! | bytes[i + 1]! << 8 | bytes[i + 2]! << 16 | bytes[i + 3]! << 24
    hash ^= scramble(word)
    hash = Math.imul(hash << 13 | hash >>> 19, 5) + 0xe6546b64 | 0
  }
  let tail = 0
  for (let i = bytes.length - 1; i >= blocks; i--) tail = tail << 8 | bytes[i]!
  if (blocks < bytes.length) hash ^= scramble(tail)
  return avalanche(hash ^ bytes.length)
}

/** The bucket, 0..9999, of an affinity key under a rollout's salt. The challenger owns the buckets below its weight. */
export function bucketOf (salt: string, key: string): number {
  return murmur3(`${salt}:${key}`) % BUCKETS
}

function scramble (word: number): number {
  const mixed = Math.imul(word, 0xcc9e2d51)
  return Math.imul(mixed << 15 | mixed >>> 17, 0x1b873593)
}

function avalanche (hash: number): number {
  let mixed = Math.imul(hash ^ hash >>> 16, 0x85ebca6b)
  mixed = Math.imul(mixed ^ mixed >>> 13, 0xc2b2ae35)
  return (mixed ^ mixed >>> 16) >>> 0
}
