import fc from 'fast-check'
import { expect, it } from 'vitest'
import { RegistryError } from '../../registry/errors.js'
import { temporaryFolder } from './registry-fixtures.js'

/** Every run is the same: what it finds once it finds again. */
export const SEED = 20_240_917
/** How many times longer than usual the fuzz tests run. */
const FACTOR = Number(process.env['GAUNTLET_FUZZ_FACTOR'] ?? 1)
const CASE_MS_MAX = 2_000
const MEMORY_BYTES_MAX = 64 * 1024 ** 2
const MESSAGE_LENGTH_MAX = 100_000
const PLACES = 2 ** 20

export const runsOf = (runs: number): { seed: number, numRuns: number } => ({ seed: SEED, numRuns: Math.ceil(runs * FACTOR) })

/**
 * Declares a test: bytes that others made are read or refused with a RegistryError, whatever is done to them, in bounded
 * time and memory. A reader of a new format calls this with sound files of its own.
 * @param seeds sound files, which must be read without a refusal
 * @param parse gets the bytes and a folder that is gone after the test
 */
export function itSurvivesDamage (
  name: string, runs: number, seeds: () => readonly Buffer[], parse: (bytes: Buffer, folder: string) => unknown
): void {
  it(`${name} that is damaged is read or refused with a reason, in bounded time and memory`, async () => {
    const folder = temporaryFolder()
    const sound = seeds()
    for (const bytes of sound) await parse(bytes, folder)
    const heldBefore = heldBytes()
    let refusals = 0

    await fc.assert(fc.asyncProperty(fc.constantFrom(...sound), damages(), async (bytes, damage) => {
      const startedAt = performance.now()
      try {
        await parse(damage(bytes), folder)
      } catch (error) {
        if (!(error instanceof RegistryError)) throw error
        expect(error.message.length).toBeLessThan(MESSAGE_LENGTH_MAX)
        refusals++
      }
      expect(performance.now() - startedAt).toBeLessThan(CASE_MS_MAX)
    }), runsOf(runs))

    expect(refusals).toBeGreaterThan(runs / 10)
    expect(heldBytes() - heldBefore).toBeLessThan(MEMORY_BYTES_MAX)
  })
}

function heldBytes (): number {
  const { heapUsed, arrayBuffers } = process.memoryUsage()
  return heapUsed + arrayBuffers
}

/** Flips, cuts, lengths out of the blue, repeated and swapped parts; up to six of them. */
export function damages (): fc.Arbitrary<(bytes: Buffer) => Buffer> {
  const at = fc.nat({ max: PLACES - 1 }).map((place) => place / PLACES)
  const one = fc.oneof(
    fc.record({ kind: fc.constant('flip' as const), at, bytes: fc.uint8Array({ minLength: 1, maxLength: 1 }), span: at }),
    fc.record({ kind: fc.constant('cut' as const), at, bytes: fc.constant(new Uint8Array()), span: at }),
    fc.record({ kind: fc.constant('write' as const), at, bytes: fc.constantFrom(...EXTREMES), span: at }),
    fc.record({ kind: fc.constant('insert' as const), at, bytes: fc.uint8Array({ maxLength: 12 }), span: at }),
    fc.record({ kind: fc.constant('repeat' as const), at, bytes: fc.constant(new Uint8Array()), span: at }),
    fc.record({ kind: fc.constant('drop' as const), at, bytes: fc.constant(new Uint8Array()), span: at })
  )
  return fc.array(one, { minLength: 1, maxLength: 6 }).map((steps) => (sound) => steps.reduce((bytes, step) => {
    const from = Math.floor(step.at * bytes.length)
    const to = Math.min(bytes.length, from + Math.ceil(step.span * 64))
    const [head, middle, tail] = [bytes.subarray(0, from), bytes.subarray(from, to), bytes.subarray(to)]
    if (step.kind === 'cut') return head
    if (step.kind === 'insert') return Buffer.concat([head, step.bytes, middle, tail])
    if (step.kind === 'repeat') return Buffer.concat([head, middle, middle, tail])
    if (step.kind === 'drop') return Buffer.concat([head, tail])
    return Buffer.concat([head, step.bytes, bytes.subarray(Math.min(bytes.length, from + step.bytes.length))])
  }, sound))
}

/** Lengths and counts that break readers: huge, negative, one too many. */
const EXTREMES = ['ff', '00', '7f', '80', 'ffffffff', 'ffffff7f', 'ffffffffffffffff', '0000000000000080', 'ffffffffffffffffff01', 'ffffffff0f', '8080808080808080808001']
  .map((hex) => new Uint8Array(Buffer.from(hex, 'hex')))
