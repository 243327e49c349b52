/** From this many numbers on the six passes are cheaper than comparisons. */
const RADIX_FROM = 4_096

/** Digits have 11 bits: six of them cover the 64 bits of a number. */
const DIGITS = 2_048

/**
 * Per digit: the word it begins in (0 low, 1 high), its place there, and where bits of the high word join (31: none).
 */
const PASSES = [
  { word: 0, right: 0, left: 31 }, { word: 0, right: 11, left: 31 }, { word: 0, right: 22, left: 10 },
  { word: 1, right: 1, left: 31 }, { word: 1, right: 12, left: 31 }, { word: 1, right: 23, left: 31 }
] as const

/**
 * Sorts finite numbers ascending, in place (−0 before 0), and returns them: by comparison when they are few, otherwise
 * least digit first on the bits of the numbers, inverted so that their order as whole numbers is their order as
 * fractions. Knuth, TAOCP 5.2.5, algorithm R. O(n), two buffers of n.
 */
export function sortAscending (values: Float64Array): Float64Array {
  if (values.length < RADIX_FROM) return values.sort()
  let source = new Uint32Array(values.slice().buffer)
  let target = new Uint32Array(source.length)
  invert(source)
  PASSES.forEach((pass) => {
    moveByDigit(source, target, pass)
    const moved = target
    target = source
    source = moved
  })
  for (let i = 0; i < source.length; i += 2) {
    const isPositive = source[i + 1]! >>> 31 === 1
    source[i] = isPositive ? source[i]! : ~source[i]!
    source[i + 1] = isPositive ? source[i + 1]! & 0x7fffffff : ~source[i + 1]!
  }
  values.set(new Float64Array(source.buffer))
  return values
}

/** Inverts the sign of positive numbers and all bits of negative ones. */
function invert (words: Uint32Array): void {
  for (let i = 0; i < words.length; i += 2) {
    const isNegative = words[i + 1]! >>> 31 === 1
    if (isNegative) words[i] = ~words[i]!
    words[i + 1] = isNegative ? ~words[i + 1]! : words[i + 1]! | 0x80000000
  }
}

/** Copies the numbers in the order of one digit, equals in the order they had. */
function moveByDigit (source: Uint32Array, target: Uint32Array, { word, right, left }: typeof PASSES[number]): void {
  const places = new Uint32Array(DIGITS + 1)
  for (let i = 0; i < source.length; i += 2) {
    places[(((source[i + word]! >>> right) | (source[i + 1]! << left)) & (DIGITS - 1)) + 1]!++
  }
  for (let digit = 1; digit <= DIGITS; digit++) places[digit]! += places[digit - 1]!
  for (let i = 0; i < source.length; i += 2) {
    const digit = ((source[i + word]! >>> right) | (source[i + 1]! << left)) & (DIGITS - 1)
    const place = 2 * places[digit]!++
    target[place] = source[i]!
    target[place + 1] = source[i + 1]!
  }
}
