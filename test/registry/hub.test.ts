import { readFileSync, statSync, utimesSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { Registry } from '../../registry/registry.js'
import { startHub } from '../support/hub-server.js'
import { fetched, NEEDED, publisher, REPOSITORY, WEIGHTS } from '../support/hub-fixtures.js'
import { externalTensor, graph, model } from '../support/model-files.js'
import { TABULAR } from '../support/registry-fake-model.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, START_MS } from '../support/registry-fixtures.js'

describe('a repository of the hub', () => {
  it('becomes a version of the files that one needs, and no other is fetched', async () => {
    const hub = await startHub()
    const commit = hub.commit(REPOSITORY)
    const { publish, manifestOf, pathsOf, temporaries } = publisher(hub)

    const { status, detail, omitted } = await publish()

    expect(status).toBe('published')
    expect(detail.serving.modelFile).toBe('onnx/model.onnx')
    expect(pathsOf(detail.digest)).toEqual(NEEDED)
    expect(fetched(hub)).toEqual(NEEDED.filter((path) => path !== 'serving.json'))
    expect(omitted).toEqual(['onnx/model_quantized.onnx'])
    expect(manifestOf(detail.digest).annotations).toMatchObject({
      'org.opencontainers.image.source': `${hub.endpoint}/ann/tiny`, 'org.opencontainers.image.revision': commit, 'org.opencontainers.image.licenses': 'mit'
    })
    expect(temporaries()).toEqual([])
  })

  it('has the digest of the same folder published from a disk with the same provenance, and differs in that alone', async () => {
    const hub = await startHub()
    const revision = hub.commit(REPOSITORY)
    const { publish, manifestOf } = publisher(hub)
    const { detail } = await publish()
    const folder = folderOf(Object.fromEntries(Object.entries(REPOSITORY).filter(([path]) => NEEDED.includes(path))))
    const local = openRegistry().registry
    const provenance = { sourceUrl: `${hub.endpoint}/ann/tiny`, revision, licenses: ['mit'] }
    const same = await local.publish({ path: folder, name: 'm', version: '1', actor: 'ben', provenance }, fakeInspect)
    expect(same.detail.digest).toBe(detail.digest)
    const other = openRegistry()
    const bare = await other.registry.publish({ path: folder, name: 'm', version: '1', actor: 'ben' }, fakeInspect)
    expect(JSON.parse(readFileSync(join(other.dataDir, 'registry', 'blobs', 'sha256', bare.detail.digest.slice(7)), 'utf8')).layers)
      .toEqual(manifestOf(detail.digest).layers)
  })

  it('gives the variant that is asked for', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    const { publish, pathsOf } = publisher(hub)
    const { detail } = await publish({ dtype: 'q8', exclude: ['1_Pooling', '*.md'] })
    expect(pathsOf(detail.digest)).toEqual(['config.json', 'onnx/model_quantized.onnx', 'serving.json', 'tokenizer.json', 'tokenizer_config.json'])
    expect(fetched(hub)).not.toContain('onnx/model.onnx')
    await expect(publish({ version: '2', dtype: 'q4' })).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('has no variant with the data type q4; it has "onnx/model.onnx" (fp32)') })
  })

  it('gives the variant that its serving.json names', async () => {
    const hub = await startHub()
    hub.commit({ ...REPOSITORY, 'serving.json': '{"modelFile":"onnx/model_quantized.onnx"}' })
    const { publish } = publisher(hub)
    expect((await publish()).detail.serving.modelFile).toBe('onnx/model_quantized.onnx')
    expect(fetched(hub)).not.toContain('onnx/model.onnx_data')
  })

  it('states the license of its metadata before that of its README', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    hub.card = { license: ['apache-2.0', 'other'], license_name: 'house-rules' }
    const { publish, manifestOf } = publisher(hub)
    const { detail } = await publish()
    expect(manifestOf(detail.digest).annotations['org.opencontainers.image.licenses']).toBe('apache-2.0 AND LicenseRef-house-rules')
  })

  it('may be listed on many pages', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    hub.pageSize = 4
    const { publish, pathsOf } = publisher(hub)
    expect(pathsOf((await publish()).detail.digest)).toEqual(NEEDED)
    expect(hub.seen.filter(({ url }) => url.includes('/tree/'))).toHaveLength(4)
  })

  it('is pinned: a branch that moves while files come changes nothing', async () => {
    const hub = await startHub()
    const first = hub.commit(REPOSITORY)
    hub.meddle = ({ url = '' }) => {
      if (url.includes('/tree/')) hub.commit({ ...REPOSITORY, 'config.json': '{"changed":true}' })
      return false
    }
    const { publish, manifestOf, registry } = publisher(hub)
    const { detail } = await publish()
    expect(manifestOf(detail.digest).annotations['org.opencontainers.image.revision']).toBe(first)
    const { directory } = await registry.materialise('m', '1')
    expect(readFileSync(join(directory, 'config.json'), 'utf8')).toBe(REPOSITORY['config.json'])
  })

  it('is taken at the revision that is named, in the source or beside it, slashes included', async () => {
    const hub = await startHub()
    const old = hub.commit({ ...REPOSITORY, 'config.json': '{"old":1}' }, { branch: 'refs/pr/1' })
    hub.commit(REPOSITORY)
    const { publish, manifestOf } = publisher(hub)
    for (const [index, change] of [{ path: 'hf:ann/tiny@refs/pr/1' }, { with: { revision: 'refs/pr/1' } }, { path: `hf:ann/tiny@${old}` }].entries()) {
      const { detail } = await publish({ ...change, version: `v${index}` })
      expect(manifestOf(detail.digest).annotations['org.opencontainers.image.revision']).toBe(old)
    }
    await expect(publish({ path: 'hf:ann/tiny@a', with: { revision: 'b' } })).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('names another revision') })
  })

  it('tells how far it is', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    const { publish } = publisher(hub)
    const told = { labels: [] as string[], totals: [] as Array<number | null>, added: 0, ended: 0 }
    await publish({
      progress: {
        start: (label, total) => {
          told.labels.push(label)
          told.totals.push(total)
        },
        add: (bytes) => { told.added += bytes },
        end: () => { told.ended++ }
      }
    })
    const bytes = NEEDED.filter((path) => path !== 'serving.json').reduce((sum, path) => sum + Buffer.from(REPOSITORY[path as keyof typeof REPOSITORY]).length, 0)
    expect(told.labels[0]).toMatch(/^hf:ann\/tiny@/)
    // fetched, then copied
    expect(told).toMatchObject({ totals: [bytes, bytes], added: 2 * bytes, ended: 2 })
  })
})

describe('weights of a repository', () => {
  const commit = async (location: string, files: Record<string, string | Buffer> = {}) => {
    const hub = await startHub()
    hub.commit({ 'config.json': '{}', 'onnx/model.onnx': model(graph({ initializers: [externalTensor({ location })] })), ...files })
    return hub
  }

  it('are fetched by the names in the header of the model, whatever these are', async () => {
    const hub = await commit('parts/first.weights', { 'onnx/parts/first.weights': Buffer.alloc(16, 1), 'onnx/parts/other.weights': 'x' })
    const { registry, pathsOf } = publisher(hub)
    const settings = { endpoint: hub.endpoint, token: null, isOffline: false }
    const { detail } = await registry.publish({ path: 'hf:ann/tiny', name: 'm', version: '1', actor: 'ann', hub: { settings } }, async () => TABULAR)
    expect(pathsOf(detail.digest)).toEqual(['config.json', 'onnx/model.onnx', 'onnx/parts/first.weights', 'serving.json'])
    expect(hub.seen.filter(({ url }) => url.includes('other.weights'))).toEqual([])
  })

  it.each([['../../x', 'has a .. segment'], ['missing.weights', 'is not among the files']])(
    'named %s are refused', async (location, reason) => {
      const hub = await commit(location)
      const { publish, nothing } = publisher(hub)
      await expect(publish()).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining(reason) })
      nothing()
    })
})

describe('the token', () => {
  it('goes to the hub and never to where the hub redirects to', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    hub.token = 'hf_secret'
    await publisher(hub).publish({ token: 'hf_secret' })
    const storage = hub.seen.filter(({ host }) => host === 'storage')
    expect(storage.length).toBeGreaterThan(0)
    expect(storage.filter(({ headers }) => headers.authorization !== undefined || headers.cookie !== undefined)).toEqual([])
    expect(hub.seen.filter(({ host, headers }) => host === 'hub' && headers.authorization !== 'Bearer hf_secret')).toEqual([])
  })

  it('does not come back when the other host redirects home', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    hub.meddle = ({ url = '', headers: { host } }, response) => {
      if (host !== new URL(hub.storage).host) return false
      if (url.startsWith('/back')) return false
      response.writeHead(302, { location: `${hub.endpoint}/stolen` }).end()
      return true
    }
    await expect(publisher(hub).publish({ token: 'hf_secret' })).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' })
    expect(hub.seen.filter(({ url }) => url === '/stolen').map(({ headers }) => headers.authorization)).toEqual([undefined])
  })
})

describe('a download that breaks', () => {
  it('in the middle goes on from there', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    let cuts = 0
    const offsets: Array<string | undefined> = []
    hub.meddle = ({ url = '', headers }, response) => {
      if (!url.includes('onnx_data') || headers.host !== new URL(hub.storage).host) return false
      offsets.push(headers.range)
      if (cuts++ > 0) return false
      response.writeHead(200, { 'content-length': WEIGHTS.length })
      response.write(WEIGHTS.subarray(0, 100_000), () => response.destroy())
      return true
    }
    const { publish, pathsOf, waits } = publisher(hub)
    expect(pathsOf((await publish()).detail.digest)).toEqual(NEEDED)
    expect(offsets[0]).toBeUndefined()
    expect(offsets).toHaveLength(2)
    expect(offsets[1]).toMatch(/^bytes=[1-9]\d*-$/)
    expect(waits).toEqual([250])
  })

  it('for good keeps what came, and the next run fetches only the rest', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    hub.meddle = ({ url = '', headers }, response) => {
      if (!url.includes('onnx_data') || headers.host !== new URL(hub.storage).host) return false
      if (headers.range !== undefined) {
        response.destroy()
        return true
      }
      response.writeHead(200, { 'content-length': WEIGHTS.length })
      response.write(WEIGHTS.subarray(0, 200_000), () => response.destroy())
      return true
    }
    const { publish, temporaries, registry, nothing } = publisher(hub)
    await expect(publish()).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE', message: expect.stringContaining('the hub does not give') })
    nothing()
    expect(temporaries()).toEqual([expect.stringMatching(/^kept-[0-9a-f]{32}-idle-/)])

    hub.meddle = () => false
    hub.seen.length = 0
    expect((await publish()).status).toBe('published')
    expect(hub.sent.get('onnx/model.onnx_data')).toBeLessThanOrEqual(WEIGHTS.length - 100_000)
    expect(fetched(hub)).toEqual(['onnx/model.onnx_data'])
    expect((await registry.verify('m', '1')).ok).toBe(true)
    expect(temporaries()).toEqual([])
  })

  it('starts anew where the server cannot go on in the middle', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    let calls = 0
    hub.meddle = ({ url = '', headers }, response) => {
      if (!url.includes('onnx_data') || headers.host !== new URL(hub.storage).host) return false
      response.writeHead(200, { 'content-length': WEIGHTS.length })
      if (calls++ > 0) response.end(WEIGHTS)
      else response.write(WEIGHTS.subarray(0, 50_000), () => response.destroy())
      return true
    }
    const { publish, registry } = publisher(hub)
    await publish()
    expect((await registry.verify('m', '1')).ok).toBe(true)
  })

  it('because nothing comes any more is given up and tried again', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    let calls = 0
    hub.meddle = ({ url = '', headers }, response) => {
      if (!url.includes('onnx_data') || headers.host !== new URL(hub.storage).host || calls++ > 0) return false
      response.writeHead(200, { 'content-length': WEIGHTS.length })
      response.write(WEIGHTS.subarray(0, 50_000))
      return true
    }
    const { publish } = publisher(hub)
    await publish({ with: { limits: { idleTimeoutMs: 50 } } })
    expect(calls).toBe(2)
  })

  it('goes on though what was kept is damaged', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    let isBroken = true
    hub.meddle = ({ url = '', headers }, response) => {
      if (!isBroken || !url.includes('onnx_data') || headers.host !== new URL(hub.storage).host) return false
      response.writeHead(200, { 'content-length': WEIGHTS.length })
      response.write(Buffer.alloc(80_000), () => response.destroy())
      return true
    }
    const { publish, registry } = publisher(hub)
    await expect(publish({ with: { limits: { attemptsMax: 1 } } })).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' })
    isBroken = false
    await publish()
    expect((await registry.verify('m', '1')).ok).toBe(true)
  })

  it('may be stopped by whoever started it', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    const abort = new AbortController()
    hub.meddle = ({ url = '' }) => {
      if (!url.includes('/resolve/')) return false
      abort.abort(new Error('enough'))
      return true
    }
    const { publish, nothing } = publisher(hub)
    await expect(publish({ with: { signal: abort.signal } })).rejects.toThrow('enough')
    nothing()
  })

  it('leaves what came to the next process, and to nobody after a day', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    const { registry, publish, temporaries, dataDir } = publisher(hub)
    const failing = registry.publish({ path: 'hf:ann/tiny', name: 'm', version: '1', actor: 'ann', hub: { settings: { endpoint: hub.endpoint, token: null, isOffline: false } } },
      async () => { throw new Error('the model does not run') })
    await expect(failing).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('"hf:ann/tiny@') })
    const [kept = ''] = temporaries()
    Registry.open({ dataDir, now: () => START_MS + 23 * 3600_000 }).close()
    expect(temporaries()).toEqual([kept])
    hub.seen.length = 0
    await publish({ version: '2' })
    expect(fetched(hub)).toEqual([])

    await expect(registry.publish({ path: 'hf:ann/tiny', name: 'm', version: '3', actor: 'ann', hub: { settings: { endpoint: hub.endpoint, token: null, isOffline: false } } },
      async () => { throw new Error('no') })).rejects.toThrow()
    const path = join(dataDir, 'tmp', temporaries()[0] ?? '')
    utimesSync(path, START_MS / 1000, START_MS / 1000)
    Registry.open({ dataDir, now: () => START_MS + 25 * 3600_000 }).close()
    expect(temporaries()).toEqual([])
  })

  it('leaves no more bytes than are allowed', async () => {
    const hub = await startHub()
    const { publish, temporaries, dataDir, registry } = publisher(hub)
    for (const branch of ['a', 'b', 'c']) {
      hub.commit({ ...REPOSITORY, 'config.json': branch }, { branch })
      const settings = { endpoint: hub.endpoint, token: null, isOffline: false }
      await expect(registry.publish({ path: `hf:ann/tiny@${branch}`, name: 'm', version: '1', actor: 'ann', hub: { settings, limits: { keptBytesMax: 400_000 } } },
        async () => { throw new Error('no') })).rejects.toThrow()
    }
    expect(temporaries()).toHaveLength(2)
    hub.commit({ 'model.onnx': modelBytes('small') })
    await publish({ with: { limits: { keptBytesMax: 400_000 } } })
    const bytes = temporaries().map((name) => statSync(join(dataDir, 'tmp', name, 'files', 'onnx', 'model.onnx_data')).size)
    expect(bytes).toEqual([WEIGHTS.length])
  })
})
