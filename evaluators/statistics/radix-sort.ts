/** From this many numbers on the passes are cheaper than comparisons. */
const RADIX_FROM = 4_096

/** Digits have 11 bits: three of them cover the upper half of a number, of its 64 bits those that weigh most. */
const DIGIT = { bits: 11, values: 2_048 } as const

/** Up to this length a run is sorted by insertion: cheaper than a call of the general sort. */
const INSERTION_MAX = 24

/** Which of the two 32-bit words of a number holds its sign, exponent and leading digits. */
const UPPER = new Uint32Array(new Float64Array([1]).buffer)[1] === 0 ? 0 : 1

/**
 * Sorts finite numbers ascending, in place (−0 before 0), and returns them: by comparison when they are few, otherwise
 * by the upper halves of their binary form, least digit first (Knuth, TAOCP 5.2.5, algorithm R), and then by comparison
 * where upper halves are equal, which is seldom and short unless the values differ by less than a millionth. O(n), at
 * worst O(n log n); a buffer of n.
 */
export function sortAscending (values: Float64Array): Float64Array {
  if (values.length < RADIX_FROM) return values.sort()
  let source = values
  let target: Float64Array = new Float64Array(values.length)
  digitCounts(values).forEach((counts, digit) => {
    if (counts.includes(values.length)) return
    moveByDigit(source, target, DIGIT.bits * digit, startsOf(counts))
    const moved = target
    target = source
    source = moved
  })
  if (source !== values) values.set(source)
  return sortRuns(values)
}

/**
 * The upper half of a number as a whole number of the same order: with the sign inverted, and all bits of a negative.
 */
function keyOf (upper: number): number {
  return upper ^ ((upper >> 31) | 0x80000000)
}

/** Both words of every number, without a copy. */
function wordsOf ({ buffer, byteOffset, length }: Float64Array): Int32Array {
  return new Int32Array(buffer, byteOffset, 2 * length)
}

/** How often each digit has each value, all digits in one pass. */
function digitCounts (values: Float64Array): Uint32Array[] {
  const words = wordsOf(values)
  const low = new Uint32Array(DIGIT.values)
  const middle = new Uint32Array(DIGIT.values)
  const high = new Uint32Array(DIGIT.values)
  for (let i = UPPER; i < words.length; i += 2) {
    const key = keyOf(words[i]!)
    low[key & (DIGIT.values - 1)]!++
    middle[(key >>> DIGIT.bits) & (DIGIT.values - 1)]!++
    high[key >>> (2 * DIGIT.bits)]!++
  }
  return [low, middle, high]
}

/** Where the numbers with each value of a digit begin. */
function startsOf (counts: Uint32Array): Uint32Array {
  const starts = new Uint32Array(counts.length)
  for (let digit = 1; digit < counts.length; digit++) starts[digit] = starts[digit - 1]! + counts[digit - 1]!
  return starts
}

/** Copies the numbers in the order of one digit, equals in the order they had. */
function moveByDigit (source: Float64Array, target: Float64Array, shift: number, places: Uint32Array): void {
  const words = wordsOf(source)
  for (let i = 0; i < source.length; i++) {
    const digit = (keyOf(words[2 * i + UPPER]!) >>> shift) & (DIGIT.values - 1)
    target[places[digit]!++] = source[i]!
  }
}

/** Sorts the runs of numbers whose upper halves are equal. */
function sortRuns (values: Float64Array): Float64Array {
  const words = wordsOf(values)
  let from = 0
  while (from < values.length) {
    const upper = words[2 * from + UPPER]!
    let to = from + 1
    let isAscending = true
    for (; to < values.length && words[2 * to + UPPER] === upper; to++) isAscending &&= values[to - 1]! <= values[to]!
    if (!isAscending && to - from <= INSERTION_MAX) insertEach(values, from, to)
    else if (!isAscending) values.subarray(from, to).sort()
    from = to
  }
  return values
}

function insertEach (values: Float64Array, from: number, to: number): void {
  for (let i = from + 1; i < to; i++) {
    const value = values[i]!
    let place = i
    for (; place > from && values[place - 1]! > value; place--) values[place] = values[place - 1]!
    values[place] = value
  }
}
