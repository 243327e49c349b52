import { generateKeyPairSync } from 'node:crypto'
import { describe, expect, it, vi } from 'vitest'
import type { LiveModel, ModelPool } from '../../models/pool.js'
import { describePublicKey } from '../../registry/signing/keys.js'
import { Fleet } from '../../server/fleet.js'
import { openRegistry, publishVersions } from '../support/registry-fixtures.js'

const ANN = { actor: 'ann', reason: 'test' }

/** A pool whose models are warm at once. */
function instantPool (): ModelPool {
  const pool = {
    onState: () => {},
    ensure: (spec: { name: string, version: string }) => ({ spec, key: `${spec.name}:${spec.version}`, state: 'ready', error: null }) as unknown as LiveModel,
    remove: async () => {}
  }
  return pool as unknown as ModelPool
}

describe('a gateway that requires signatures', () => {
  it('goes on answering with the champion when a version that is refused becomes champion, until it is signed', async () => {
    const { privateKey, publicKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' })
    const { dataDir, registry: writer } = openRegistry()
    const { registry } = openRegistry({ dataDir, signaturePolicy: 'require' })
    writer.signing.decide(ANN, { trust: describePublicKey(publicKey), name: 'build', isReinstated: false })
    await publishVersions(writer, ['1', '2'])
    const sign = (version: string) => writer.signing.sign({ name: 'm', version, digest: writer.show('m', version).digest, ...ANN }, privateKey)
    await sign('1')
    const lines: string[] = []
    const fleet = new Fleet(registry, instantPool(), (level, message, fields) => { lines.push(`${level}: ${message}: ${String(fields['error'])}`) })
    const answering = () => fleet.snapshot().models.get('m')?.champion?.version
    fleet.sync()
    await vi.waitFor(() => { expect(answering()).toBe('1') })

    writer.setAlias({ name: 'm', alias: 'champion', version: '2', ...ANN })
    fleet.sync()
    await vi.waitFor(() => { expect(fleet.load('m', '2')).toEqual({ state: 'failed', message: 'm:2 is unsigned, and the policy requires a signature by a trusted key' }) })

    expect(answering()).toBe('1')
    expect(lines).toEqual(['error: a version cannot be loaded: m:2 is unsigned, and the policy requires a signature by a trusted key'])
    const seen = registry.dataVersion()
    await sign('2')
    expect(registry.dataVersion()).not.toBe(seen)
    fleet.sync()
    await vi.waitFor(() => { expect(answering()).toBe('2') })
    fleet.close()
  })
})
