import xxhash from 'xxhash-wasm'
import { BUCKETS, bucketOf, murmur3 } from '../../server/routing/bucket.js'
import type { Format } from './format.js'
import { UNSTATED, type Report, type Section } from './report.js'

type Json = Record<string, unknown>
interface HashingFile extends Json {
  hash_vectors: (Json & { input: string })[]
  growthbook: Json
  unleash: Json
  recommended: Json & { salt: string, challenger_keys_by_weight_bp: Record<string, string[]> }
}

/** Seed of sampling for logs and shadow traffic, so that it is independent of who is exposed. */
const SAMPLING_SEED = 86_028_157

/** Bucketing hashes: the gateway's own murmur3, and those of experimentation tools that its users come from. */
export const hashing: Format = {
  name: 'hashing',
  recognises: (parsed) => 'document' in parsed && typeof parsed.document === 'object' && parsed.document !== null &&
    'hash_vectors' in parsed.document,
  async check (parsed, report) {
    if (!('document' in parsed)) return
    const file = parsed.document as HashingFile
    for (const [section, content] of Object.entries(file)) {
      const check = SECTIONS[section]
      if (section === 'about') continue
      if (check === undefined) report.section(section).fail(section, content, 'unknown section')
      else await check(report, file)
    }
  }
}

const SECTIONS: Readonly<Record<string, (report: Report, file: HashingFile) => Promise<void> | void>> = {
  hash_vectors: (report, file) => checkVectors(report.section('hash_vectors'), file),
  growthbook: checkGrowthBook,
  unleash: checkUnleash,
  recommended: checkRecommended
}

async function checkVectors (section: Section, { hash_vectors: vectors }: HashingFile): Promise<void> {
  const { h32, h64 } = await xxhash()
  const hex = (value: bigint): string => value.toString(16).padStart(16, '0')
  vectors.forEach(({ input, ...expected }, i) => {
    const bytes = new TextEncoder().encode(input)
    const seeds = Object.keys((expected['murmur3_x86_32'] ?? {}) as Json)
    section.compare(`hash_vectors[${i}]`, {
      utf8_hex: Buffer.from(bytes).toString('hex'),
      murmur3_x86_32: Object.fromEntries(seeds.map((seed) => [seed, murmur3(input, seedOf(seed))])),
      xxh32_seed0: h32(input, 0),
      xxh64_seed0_hex: hex(h64(input, 0n)),
      xxh64_seed1_hex: hex(h64(input, 1n)),
      fnv1a32: fnv1a32(bytes),
      fnv1a64_hex: hex(fnv1a64(bytes))
    }, expected, UNSTATED.exact)
  })
}

/** `seed0`, `seed_86028157`, `seed_ffffffff`: decimal, or hexadecimal when it cannot be decimal. */
function seedOf (name: string): number {
  const digits = name.replace(/^seed_?/, '')
  return Number.parseInt(digits, /[a-f]/.test(digits) ? 16 : 10)
}

/** FNV-1a, 32 bit (Fowler, Noll, Vo), over bytes or over UTF-16 code units as GrowthBook's JavaScript reads them. */
function fnv1a32 (units: ArrayLike<number>): number {
  let hash = 0x811c9dc5
  for (let i = 0; i < units.length; i++) hash = Math.imul(hash ^ units[i]!, 0x01000193)
  return hash >>> 0
}

function fnv1a64 (bytes: Uint8Array): bigint {
  let hash = 0xcbf29ce484222325n
  for (const byte of bytes) hash = BigInt.asUintN(64, (hash ^ BigInt(byte)) * 0x100000001b3n)
  return hash
}

const utf16 = (text: string): number[] => Array.from({ length: text.length }, (_, i) => text.charCodeAt(i))
const utf8 = (text: string): Uint8Array => new TextEncoder().encode(text)

/** GrowthBook's position of a user, 0..1, in versions 1 and 2; null for a version that does not exist. */
function growthBookHash (
  seed: string, value: string, version: number, unitsOf: (text: string) => ArrayLike<number> = utf16
): number | null {
  const hash = (text: string): number => fnv1a32(unitsOf(text))
  if (version === 1) return hash(value + seed) % 1_000 / 1_000
  return version === 2 ? hash(String(hash(seed + value))) % 10_000 / 10_000 : null
}

function checkGrowthBook (report: Report, { growthbook }: HashingFile): void {
  const { unit } = UNSTATED
  for (const [name, content] of Object.entries(growthbook)) {
    if (name === 'note' || name === 'columns') continue
    const section = report.section(`growthbook.${name}`)
    if (name === 'cases') {
      (content as [string, string, number, number][]).forEach(([seed, value, version, expected], i) => {
        section.compare(`${name}[${i}]`, growthBookHash(seed, value, version), expected, unit)
      })
    } else if (name === 'non_ascii_v2_utf16' || name === 'non_ascii_v2_if_utf8_bytes') {
      const unitsOf = name === 'non_ascii_v2_utf16' ? utf16 : utf8
      ;(content as [string, string, number][]).forEach(([seed, value, expected], i) => {
        section.compare(`${name}[${i}]`, growthBookHash(seed, value, 2, unitsOf), expected, unit)
      })
    } else if (name === 'bucket_ranges') {
      const { cases } = content as { cases: [string, [number, number, number[] | null], number[][]][] }
      cases.forEach(([, input, expected], i) => {
        section.compare(`${name}[${i}]`, bucketRanges(...input), expected, unit)
      })
    } else if (name === 'namespace') {
      const { cases } = content as { cases: [string, string, number, number, boolean][] }
      cases.forEach(([value, id, start, end, expected], i) => {
        const place = growthBookHash(`__${id}`, value, 1)!
        section.compare(`${name}[${i}]`, place >= start && place < end, expected, unit)
      })
    } else section.fail(name, content, 'unknown section')
  }
}

function bucketRanges (variations: number, coverage: number, weights: readonly number[] | null): number[][] {
  let start = 0
  return (weights ?? Array.from({ length: variations }, () => 1 / variations)).map((weight) => {
    const range = [start, start + coverage * weight]
    start += weight
    return range
  })
}

function checkUnleash (report: Report, { unleash }: HashingFile): void {
  for (const [name, content] of Object.entries(unleash)) {
    if (name === 'note') continue
    const section = report.section(`unleash.${name}`)
    if (name !== 'rollout_cases') {
      section.fail(name, content, 'unknown section')
      continue
    }
    const cases = content as (Json & { group: string, key: string, rollout: number })[]
    cases.forEach(({ group, key, rollout, ...expected }, i) => {
      const normalized = murmur3(`${group}:${key}`) % 100 + 1
      const got = { normalized, enabled: rollout > 0 && normalized <= rollout }
      section.compare(`${name}[${i}]`, got, expected, UNSTATED.exact)
    })
  }
}

function checkRecommended (report: Report, { recommended }: HashingFile): void {
  const { salt } = recommended
  for (const [name, content] of Object.entries(recommended)) {
    if (name === 'rule' || name === 'salt') continue
    const section = report.section(`recommended.${name}`)
    if (name === 'buckets') {
      (content as (Json & { key: string })[]).forEach(({ key, ...expected }, i) => {
        const got = { hash: murmur3(`${salt}:${key}`), bucket: bucketOf(salt, key) }
        section.compare(`${name}[${i}]`, got, expected, UNSTATED.exact)
      })
    } else if (name === 'challenger_keys_by_weight_bp') {
      const keys = (recommended['buckets'] as { key: string }[]).map(({ key }) => key)
      for (const [weight, expected] of Object.entries(content as Json)) {
        const owned = keys.filter((key) => bucketOf(salt, key) < Number(weight))
        section.compare(`${name}.${weight}`, owned, expected, UNSTATED.exact)
      }
    } else if (name === 'population') {
      const { n, keys: _, ...expected } = content as Population
      section.compare(name, populationFigures(salt, n, expected.in_challenger), expected, UNSTATED.exact)
    } else section.fail(name, content, 'unknown section')
  }
}

interface Population extends Json { n: number, keys: string, in_challenger: Json }

/** How many of `n` users a weight owns, and how many the first 1,000 buckets of exposure and of sampling share. */
function populationFigures (salt: string, n: number, weights: Json): Json {
  const users = Array.from({ length: n }, (_, i) => `user-${i}`)
  const buckets = users.map((key) => bucketOf(salt, key))
  const isSampled = (key: string): boolean => murmur3(`${salt}:${key}`, SAMPLING_SEED) % BUCKETS < 1_000
  return {
    in_challenger: Object.fromEntries(Object.keys(weights).map((weight) =>
      [weight, buckets.filter((bucket) => bucket < Number(weight)).length])),
    in_first_1000_of_both_seeds: users.filter((key, i) => buckets[i]! < 1_000 && isSampled(key)).length,
    expected_if_independent: n * 1_000 ** 2 / BUCKETS ** 2
  }
}
