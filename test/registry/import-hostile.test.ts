import { existsSync, readdirSync, readFileSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { describe, expect, it } from 'vitest'
import { seededRandom } from '../../evaluators/statistics/random.js'
import { importFrom, kitOf, listingOf, MODEL, tarOf } from '../support/artifacts.js'
import { openRegistry, publishVersions, temporaryFolder } from '../support/registry-fixtures.js'

describe('a hostile archive', () => {
  const model = { path: 'model.onnx', content: MODEL }
  const hostile: Array<[string, Buffer, RegExp]> = [
    ['climbs out', tarOf([model, { path: '../../escape.txt', content: 'x' }]), /\.\. segment/],
    ['is absolute', tarOf([model, { path: '/tmp/escape.txt', content: 'x' }]), /is absolute/],
    ['has a folder that climbs out', tarOf([{ path: '../escape/', header: { type: 'Directory' } }, model]), /\.\. segment/],
    ['has a symbolic link', tarOf([{ path: 'a', header: { type: 'SymbolicLink', linkpath: '/etc' } }, { path: 'a/passwd', content: 'x' }]), /type SymbolicLink/],
    ['has a hard link', tarOf([{ path: 'a', header: { type: 'Link', linkpath: '/etc/passwd' } }]), /type Link/],
    ['has a device', tarOf([{ path: 'null', header: { type: 'CharacterDevice' } }]), /type CharacterDevice/],
    ['has a member twice', tarOf([model, model]), /twice/],
    ['has names that clash', tarOf([model, { path: 'MODEL.onnx', content: MODEL }]), /upper and lower case/],
    ['has a file that is a folder', tarOf([model, { path: 'model.onnx/x', content: 'x' }]), /both as a file and as a folder/],
    ['is cut', tarOf([model, { path: 'big', content: Buffer.alloc(5000) }]).subarray(0, 3000), /not a whole archive|Truncated/],
    ['has a wrong checksum', (() => { const bytes = tarOf([model]); bytes[0]! ^= 1; return bytes })(), /checksum/],
    ['is compressed twice', gzipSync(tarOf([model])), /compressed once more/],
    ['is none', Buffer.alloc(2048, 'x'), /not a whole archive/],
    ['has a pickle', tarOf([model, { path: 'weights.pkl', content: 'x' }]), /pickle/]
  ]

  it.each(hostile)('that %s is refused, and nothing is written outside or kept', async (_, archive, message) => {
    const { registry, dataDir } = openRegistry()
    const before = listingOf(join(dataDir, 'registry'))

    await expect(importFrom(registry, kitOf(archive))).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringMatching(message) })

    expect(listingOf(join(dataDir, 'registry'))).toEqual(before)
    expect(readdirSync(join(dataDir, 'tmp'))).toEqual([])
    expect(existsSync(join(dataDir, 'escape.txt')) || existsSync('/tmp/escape.txt')).toBe(false)
  })

  it('with too many members, too many bytes, or that unpacks to too many times itself is refused', async () => {
    const many = tarOf(Array.from({ length: 20 }, (_, index) => ({ path: `f${index}`, content: 'x' })))
    const large = tarOf([{ path: 'model.onnx', content: MODEL }, { path: 'zero', content: Buffer.alloc(1_000_000) }])
    const bomb = tarOf([{ path: 'zero', content: Buffer.alloc(20 * 1024 ** 2) }])
    const refusals = [
      [openRegistry({ limits: { filesMax: 10 } }), many, /more than 10 members/],
      [openRegistry({ limits: { totalBytesMax: 500_000 } }), large, /more than the \d+ bytes/],
      [openRegistry(), bomb, /more than 200 times/]
    ] as const
    for (const [{ registry }, archive, message] of refusals) {
      await expect(importFrom(registry, kitOf(archive))).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringMatching(message) })
    }
  })

  it('made by damaging a good one at random never crashes, hangs or writes outside', async () => {
    const { registry: source } = openRegistry()
    await publishVersions(source, ['1'])
    const folder = temporaryFolder()
    const archive = join(folder, 'good.tar')
    await source.export({ name: 'm', version: '1', target: archive, format: 'oci-archive' })
    const good = readFileSync(archive)
    const random = seededRandom(20_260_404)
    const { registry, dataDir } = openRegistry()
    const before = listingOf(dataDir).filter((line) => !/^gauntlet\.db|^index\.stamp|^storage|^registry\.lock/.test(line))
    const file = join(folder, 'damaged.tar')
    const until = performance.now() + 4_000
    let refused = 0
    for (let round = 0; round < 120 && performance.now() < until; round++) {
      const bytes = Buffer.from(random.below(4) === 0 ? good.subarray(0, random.below(good.length)) : good)
      for (let count = 1 + random.below(6); count > 0 && bytes.length > 0; count--) {
        const at = random.below(2) === 0 ? 512 * random.below(Math.ceil(bytes.length / 512)) + random.below(512) : random.below(bytes.length)
        if (at < bytes.length) bytes[at] = random.below(256)
      }
      writeFileSync(file, random.below(3) === 0 ? gzipSync(bytes, { level: 1 }) : bytes)
      const outcome = await importFrom(registry, file, { dryRun: round % 2 === 0 }).catch((error: { code?: string }) => error)
      if ('status' in outcome) {
        expect(outcome.detail.digest).toMatch(/^sha256:/) // the damage was in padding or a time
        if (round % 2 === 1) break
      } else {
        expect(outcome.code, String(outcome)).toMatch(/^(SOURCE_INVALID|DIGEST_MISMATCH|BLOB_MISSING|SERVING_INVALID|SIGNATURE_INVALID|INVALID_\w+|LAYOUT_CORRUPT)$/)
        refused++
      }
    }
    expect(refused).toBeGreaterThan(10)
    expect(listingOf(dataDir).filter((line) => !/^gauntlet\.db|^index\.stamp|^storage|^registry|^tmp\/partial/.test(line)))
      .toEqual(before.filter((line) => !line.startsWith('registry')))
  })
})
