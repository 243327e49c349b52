import { describe, expect, it } from 'vitest'
import { refuse, sha256, startHub, type HubServer } from '../support/hub-server.js'
import { closedEndpoint, fetched, publisher, REPOSITORY, WEIGHTS } from '../support/hub-fixtures.js'

describe('a hub that cannot be trusted', () => {
  const cases: Array<[string, string, (hub: HubServer) => void]> = [
    ['other bytes than it lists, of a large file', 'DIGEST_MISMATCH', (hub) => {
      hub.meddle = ({ url = '', headers: { host } }, response) => {
        if (!url.includes('onnx_data') || host !== new URL(hub.storage).host) return false
        response.writeHead(200).end(Buffer.alloc(WEIGHTS.length))
        return true
      }
    }],
    ['other bytes than it lists, of a small file', 'DIGEST_MISMATCH', (hub) => {
      hub.meddle = ({ url = '' }, response) => {
        if (!url.endsWith('/config.json') || url.includes('Pooling')) return false
        response.writeHead(200).end('x'.repeat(REPOSITORY['config.json'].length))
        return true
      }
    }],
    ['more bytes than it lists', 'SOURCE_INVALID', (hub) => {
      hub.meddle = ({ url = '', headers: { host } }, response) => {
        if (!url.includes('onnx_data') || host !== new URL(hub.storage).host) return false
        response.writeHead(200).end(Buffer.concat([WEIGHTS, WEIGHTS]))
        return true
      }
    }],
    ['another digest than it lists', 'DIGEST_MISMATCH', (hub) => {
      hub.meddle = ({ url = '', headers: { host } }, response) => {
        if (!url.includes('onnx_data') || host !== new URL(hub.endpoint).host) return false
        const [, commit, file = ''] = /resolve\/([0-9a-f]+)\/(.*)$/.exec(url) ?? []
        response.writeHead(302, { location: `${hub.storage}/${commit}/${encodeURIComponent(file)}`, 'x-linked-etag': `"${sha256('other')}"` }).end()
        return true
      }
    }],
    ['another commit than was asked for', 'SOURCE_INVALID', (hub) => {
      hub.meddle = ({ url = '' }, response) => {
        if (!url.includes('/resolve/')) return false
        response.writeHead(200, { 'x-repo-commit': 'f'.repeat(40) }).end('{}')
        return true
      }
    }],
    ['a revision without a commit', 'SOURCE_INVALID', (hub) => answerRevision(hub, { sha: 'main' })],
    ['no JSON', 'SOURCE_INVALID', (hub) => answerRevision(hub, '<html>')],
    ['an endless redirect', 'SOURCE_INVALID', (hub) => {
      hub.meddle = ({ url }, response) => {
        response.writeHead(302, { location: url }).end()
        return true
      }
    }],
    ['a redirect to another scheme', 'SOURCE_INVALID', (hub) => {
      hub.meddle = ({ url = '' }, response) => {
        if (!url.includes('/resolve/')) return false
        response.writeHead(302, { location: 'file:///etc/passwd' }).end()
        return true
      }
    }],
    ['a redirect that leaves the protection of its host', 'SOURCE_INVALID', (hub) => {
      hub.meddle = ({ url = '' }, response) => {
        if (!url.includes('/resolve/')) return false
        response.writeHead(302, { location: 'http://plain.example/x' }).end()
        return true
      }
    }]
  ]
  function answerRevision (hub: HubServer, document: unknown): void {
    hub.meddle = ({ url = '' }, response) => {
      if (!url.includes('/revision/')) return false
      response.writeHead(200).end(typeof document === 'string' ? document : JSON.stringify(document))
      return true
    }
  }

  it.each(cases)('and answers with %s is refused (%s), and no version is left', async (_what, code, meddle) => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    meddle(hub)
    const { publish, nothing } = publisher(hub)
    await expect(publish()).rejects.toMatchObject({ code })
    nothing()
  })

  const oid = 'a'.repeat(40)
  it.each([
    ['../x.onnx'], ['/etc/passwd'], ['onnx/../../model.onnx'], ['onnx//model.onnx'], ['./config.json'], ['a/..']
  ])('and lists the path %s is refused before anything is fetched', async (path) => {
    const hub = await startHub()
    hub.commit(REPOSITORY, { listed: [{ type: 'file', path, size: 1, oid }] })
    const { publish, nothing, temporaries } = publisher(hub)
    await expect(publish()).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('no git tree can hold') })
    expect(fetched(hub)).toEqual([])
    expect(temporaries()).toEqual([])
    nothing()
  })

  it.each([
    ['a size that is none', { type: 'file', path: 'config_x.json', size: -1, oid }],
    ['no digest', { type: 'file', path: 'config_x.json', size: 1, oid: 'x' }],
    ['a large file without its digest', { type: 'file', path: 'config_x.json', size: 1, oid, lfs: { oid: 'x', size: 1 } }],
    ['a path twice', { type: 'file', path: 'config.json', size: 1, oid }],
    ['names that clash', { type: 'file', path: 'README.MD', size: 1, oid }]
  ])('and lists %s is refused', async (_what, entry) => {
    const hub = await startHub()
    hub.commit(REPOSITORY, { listed: [entry] })
    await expect(publisher(hub).publish()).rejects.toMatchObject({ code: 'SOURCE_INVALID' })
    expect(fetched(hub)).toEqual([])
  })

  it('or lists more bytes or entries than are allowed is refused before anything is fetched', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    const tight = publisher(hub, { limits: { totalBytesMax: 100_000 } })
    await expect(tight.publish()).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringMatching(/has \d+ bytes, more than the 100000 allowed/) })
    await expect(publisher(hub).publish({ with: { limits: { entriesMax: 5 } } })).rejects.toMatchObject({ message: expect.stringContaining('more than 5 entries') })
    await expect(publisher(hub).publish({ with: { limits: { documentBytesMax: 50 } } })).rejects.toMatchObject({ message: expect.stringContaining('larger than 50 bytes') })
    expect(fetched(hub)).toEqual([])
  })
})

describe('a hub that says no', () => {
  it.each([
    ['a gated repository', 401, 'GatedRepo', 'SOURCE_FORBIDDEN', 'is gated: ask its owner for access'],
    ['a gated repository, to a token', 403, 'GatedRepo', 'SOURCE_FORBIDDEN', 'is gated: ask its owner for access'],
    ['a token that is not good', 403, '', 'SOURCE_FORBIDDEN', 'set HF_TOKEN'],
    ['a repository that is not there', 401, 'RepoNotFound', 'SOURCE_NOT_FOUND', 'or it is private and needs HF_TOKEN'],
    ['a revision that is not there', 404, 'RevisionNotFound', 'SOURCE_NOT_FOUND', 'ann/tiny@main is not at 127.0.0.1'],
    ['a request it cannot read', 400, '', 'SOURCE_INVALID', 'answers 400']
  ])('because of %s (%d %s) is understood', async (_what, status, error, code, sentence) => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    hub.meddle = (_request, response) => {
      refuse(response, status, error)
      return true
    }
    const { publish, waits } = publisher(hub)
    await expect(publish()).rejects.toMatchObject({ code, message: expect.stringContaining(sentence) })
    expect(hub.seen).toHaveLength(1)
    expect(waits).toEqual([])
  })

  it('because too much is asked of it is waited for, as long as it says', async () => {
    const hub = await startHub()
    hub.commit(REPOSITORY)
    let calls = 0
    hub.meddle = ({ url = '' }, response) => {
      if (!url.includes('/tree/') || calls++ > 1) return false
      response.writeHead(calls === 1 ? 429 : 503, calls === 1 ? { 'retry-after': '7' } : {}).end()
      return true
    }
    const { publish, waits } = publisher(hub)
    await publish()
    expect(waits).toEqual([7_000, 500])
  })

  it('is not waited for longer than is allowed', async () => {
    const hub = await startHub()
    hub.meddle = (_request, response) => {
      response.writeHead(429, { 'retry-after': '3600' }).end()
      return true
    }
    const { publish, waits } = publisher(hub)
    await expect(publish()).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE', message: expect.stringContaining('asks to wait 3600 s') })
    expect(waits).toEqual([])
  })

  it('for ever is given up after so many attempts', async () => {
    const hub = await startHub()
    hub.meddle = (_request, response) => {
      response.writeHead(500).end()
      return true
    }
    const { publish, waits } = publisher(hub)
    await expect(publish()).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE' })
    expect(waits).toEqual([250, 500, 1_000, 2_000])
  })

  it('by not being there, or not being asked, is unavailable', async () => {
    const hub = await startHub()
    const { publish } = publisher(hub)
    const settings = { endpoint: await closedEndpoint(), token: null, isOffline: false }
    await expect(publish({ with: { settings } })).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE', message: expect.stringContaining('ECONNREFUSED') })
    await expect(publish({ with: { settings: { ...settings, isOffline: true } } })).rejects.toMatchObject({ code: 'SOURCE_UNAVAILABLE', message: expect.stringContaining('HF_HUB_OFFLINE') })
  })
})

describe('what is no model of ours', () => {
  it('is refused before its files are fetched', async () => {
    const hub = await startHub()
    hub.commit({ 'config.json': '{}', 'model.safetensors': 'w' })
    const { publish } = publisher(hub)
    await expect(publish()).rejects.toMatchObject({ code: 'SOURCE_INVALID', message: expect.stringContaining('export the model to ONNX first') })
    hub.commit({ 'onnx/decoder_model.onnx': 'w' })
    await expect(publish()).rejects.toMatchObject({ message: expect.stringContaining('it has "onnx/decoder_model.onnx"') })
    expect(fetched(hub)).toEqual([])
  })

  it.each(['hf:', 'hf:a/b/c', 'hf:../x', 'hf:a/..', 'hf:-a/b', 'hf:a/b@', 'hf:a/b@../x', 'hf:a/b@x y'])('is not even asked for: %s', async (path) => {
    const hub = await startHub()
    await expect(publisher(hub).publish({ path })).rejects.toMatchObject({ code: 'SOURCE_INVALID' })
    await expect(publisher(hub).publish({ name: 'No' })).rejects.toMatchObject({ code: 'INVALID_NAME' })
    expect(hub.seen).toEqual([])
  })
})
