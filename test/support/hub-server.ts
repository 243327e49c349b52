import { createHash } from 'node:crypto'
import { once } from 'node:events'
import { createServer, type IncomingMessage, type Server, type ServerResponse } from 'node:http'
import type { AddressInfo } from 'node:net'
import { onTestFinished } from 'vitest'

/** What a test makes of a request before the server answers it; true when it has answered. */
export type Meddle = (request: IncomingMessage, response: ServerResponse) => boolean | Promise<boolean>

interface Seen { readonly host: 'hub' | 'storage', readonly url: string, readonly headers: IncomingMessage['headers'] }

/** A server in the hub's layout: small files itself, large ones by a redirect to a storage on another origin. */
export interface HubServer {
  readonly endpoint: string
  readonly storage: string
  readonly seen: Seen[]
  /** Bytes of bodies that the storage has written, by file name. */
  readonly sent: Map<string, number>
  /** Makes a commit of files and lets a branch stand for it; what `listed` adds is listed as it stands. */
  commit: (files: Readonly<Record<string, string | Buffer>>, options?: { branch?: string, listed?: object[] }) => string
  card: unknown
  meddle: Meddle
  pageSize: number
  token: string | null
}

const LARGE_BYTES = 10_000
const sha1 = (bytes: Buffer | string): string => createHash('sha1').update(bytes).digest('hex')
export const sha256 = (bytes: Buffer | string): string => createHash('sha256').update(bytes).digest('hex')

/** Ends with the test. */
export async function startHub (id = 'ann/tiny'): Promise<HubServer> {
  const commits = new Map<string, { files: Map<string, Buffer>, listed: object[] }>()
  const branches = new Map<string, string>()
  const hubServer = createServer((request, response) => { answer(request, response, 'hub').catch(() => response.destroy()) })
  const storageServer = createServer((request, response) => { answer(request, response, 'storage').catch(() => response.destroy()) })
  const hub: HubServer = {
    endpoint: await listen(hubServer),
    storage: await listen(storageServer),
    seen: [],
    sent: new Map(),
    card: undefined,
    meddle: () => false,
    pageSize: 1_000,
    token: null,
    commit (files, { branch = 'main', listed = [] } = {}) {
      const all = new Map(Object.entries(files).map(([path, content]) => [path, Buffer.from(content)]))
      const commit = sha1(`${commits.size} ${[...all.keys()].join()}`)
      commits.set(commit, { files: all, listed })
      branches.set(branch, commit)
      return commit
    }
  }

  async function answer (request: IncomingMessage, response: ServerResponse, host: 'hub' | 'storage'): Promise<void> {
    const url = decodeURI(request.url ?? '')
    hub.seen.push({ host, url, headers: request.headers })
    if (await hub.meddle(request, response)) return
    if (host === 'storage') return answerStorage(url, request, response)
    if (hub.token !== null && request.headers.authorization !== `Bearer ${hub.token}`) return refuse(response, 401, 'GatedRepo')
    const path = new URL(url, hub.endpoint)
    const [, revision] = new RegExp(`^/api/models/${id}/revision/(.+)$`).exec(path.pathname) ?? []
    if (revision !== undefined) return answerRevision(decodeURIComponent(revision), response)
    const [, listed] = new RegExp(`^/api/models/${id}/tree/(.+)$`).exec(path.pathname) ?? []
    if (listed !== undefined) return answerTree(listed, path, response)
    const [, commit, file] = new RegExp(`^/${id}/resolve/([0-9a-f]{40})/(.+)$`).exec(path.pathname) ?? []
    if (commit !== undefined && file !== undefined) return answerFile(commit, file, response)
    refuse(response, 404, 'RepoNotFound')
  }

  function answerRevision (revision: string, response: ServerResponse): void {
    const commit = branches.get(revision) ?? revision
    if (!commits.has(commit)) return refuse(response, 404, 'RevisionNotFound')
    sendJson(response, { id, sha: commit, ...hub.card === undefined ? {} : { cardData: hub.card }, siblings: [] })
  }

  function answerTree (commit: string, url: URL, response: ServerResponse): void {
    const found = commits.get(commit)
    if (found === undefined) return refuse(response, 404, 'RevisionNotFound')
    const entries = [
      { type: 'directory', path: 'onnx', oid: sha1('tree'), size: 0 },
      ...[...found.files].map(([path, bytes]) => isLarge(bytes)
        ? { type: 'file', path, size: bytes.length, oid: sha1(`pointer ${path}`), lfs: { oid: sha256(bytes), size: bytes.length, pointerSize: 134 } }
        : { type: 'file', path, size: bytes.length, oid: sha1(Buffer.concat([Buffer.from(`blob ${bytes.length}\0`), bytes])) }),
      ...found.listed
    ]
    const from = Number(url.searchParams.get('cursor') ?? 0)
    const isMore = from + hub.pageSize < entries.length
    sendJson(response, entries.slice(from, from + hub.pageSize), isMore
      ? { link: `<https://hub.example/api/models/${id}/tree/${commit}?recursive=true&cursor=${from + hub.pageSize}>; rel="next"` }
      : {})
  }

  function answerFile (commit: string, file: string, response: ServerResponse): void {
    const bytes = commits.get(commit)?.files.get(file)
    if (bytes === undefined) return refuse(response, 404, 'EntryNotFound')
    response.setHeader('x-repo-commit', commit)
    if (!isLarge(bytes)) {
      response.end(bytes)
      return
    }
    response.writeHead(302, {
      location: `${hub.storage}/${commit}/${encodeURIComponent(file)}?signature=x`, 'x-linked-etag': `"${sha256(bytes)}"`, 'x-linked-size': bytes.length
    }).end()
  }

  function answerStorage (url: string, request: IncomingMessage, response: ServerResponse): void {
    const [, commit = '', file = ''] = /^\/([0-9a-f]{40})\/([^?]+)/.exec(url) ?? []
    const name = decodeURIComponent(file)
    const bytes = commits.get(commit)?.files.get(name)
    if (bytes === undefined) return refuse(response, 404, 'EntryNotFound')
    const from = Number(/^bytes=(\d+)-$/.exec(request.headers.range ?? '')?.[1] ?? 0)
    hub.sent.set(name, (hub.sent.get(name) ?? 0) + bytes.length - from)
    response.writeHead(from > 0 ? 206 : 200, {
      'content-length': bytes.length - from, ...from > 0 ? { 'content-range': `bytes ${from}-${bytes.length - 1}/${bytes.length}` } : {}
    }).end(bytes.subarray(from))
  }

  onTestFinished(async () => {
    for (const server of [hubServer, storageServer]) {
      server.closeAllConnections()
      server.close()
      await once(server, 'close')
    }
  })
  return hub
}

function isLarge (bytes: Buffer): boolean {
  return bytes.length > LARGE_BYTES
}

async function listen (server: Server): Promise<string> {
  server.listen(0, '127.0.0.1')
  await once(server, 'listening')
  return `http://127.0.0.1:${(server.address() as AddressInfo).port}`
}

export function refuse (response: ServerResponse, status: number, code: string): void {
  response.writeHead(status, { 'x-error-code': code }).end()
}

function sendJson (response: ServerResponse, document: unknown, headers: Record<string, string> = {}): void {
  response.writeHead(200, { 'content-type': 'application/json', ...headers }).end(JSON.stringify(document))
}
