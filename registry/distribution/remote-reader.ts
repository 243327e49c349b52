import type { ArtifactReader } from '../artifact-reader.js'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { pullOf, type RegistryClient } from './client.js'
import { listReferrers } from './remote-referrers.js'
import { describeRemote, type RemoteReference } from './remote-reference.js'
import { dropBody, headerOf, type Reply } from './transport.js'

/** An artifact of another registry. A download that is cut goes on where it was, a few times. */
export function remoteReader (client: RegistryClient, reference: RemoteReference): ArtifactReader {
  const { repository } = reference
  const label = describeRemote(reference)
  return {
    label,
    manifest: async (digest) => {
      const found = await client.manifest(repository, digest)
      if (found === null) throw missing(digest, label)
      return found.bytes
    },
    blob: (digest, offset = 0) => download(client, repository, digest, offset),
    referrers: async (digest) => (await listReferrers(client, repository, digest)).descriptors
  }
}

/** The digest that a reference names now; a tag that moves later changes nothing. @throws RegistryError REMOTE_* */
export async function resolveRemote (client: RegistryClient, reference: RemoteReference): Promise<string> {
  const found = await client.manifest(reference.repository, reference.digest ?? reference.tag ?? 'latest')
  if (found !== null) return found.digest
  throw new RegistryError('REMOTE_NOT_FOUND', `there is no ${quote(describeRemote(reference))}`)
}

async function * download (
  client: RegistryClient, repository: string, digest: string, start: number
): AsyncGenerator<Uint8Array> {
  let offset = start
  for (let failures = 0; ;) {
    const reply = await open(client, repository, digest, offset)
    try {
      for await (const bytes of bodyFrom(reply, offset)) {
        offset += bytes.length
        failures = 0
        yield bytes
      }
      if (reply.body.complete) return
      throw new Error('the connection was cut')
    } catch (error) {
      if (error instanceof RegistryError) throw error
      if (++failures > client.retriesMax) {
        throw new RegistryError('REMOTE_UNAVAILABLE', `${client.host} cut the blob ${digest} at byte ${offset}: ${(error as Error).message}`, { cause: error })
      }
      await client.pause(failures - 1)
    } finally {
      reply.body.destroy()
    }
  }
}

async function open (client: RegistryClient, repository: string, digest: string, offset: number): Promise<Reply> {
  const reply = await client.request({
    method: 'GET',
    target: `/v2/${repository}/blobs/${digest}`,
    scopes: pullOf(repository),
    ...offset > 0 ? { headers: { range: `bytes=${offset}-` } } : {}
  })
  if (reply.status === 200 || (reply.status === 206 && offset > 0)) return reply
  if (reply.status === 404) {
    await dropBody(reply)
    throw missing(digest, `${client.host}/${repository}`)
  }
  throw await client.refusal(reply, `the blob ${digest} from byte ${offset}`)
}

/** The body from `offset` on, also when the registry does not know ranges and sends everything. */
async function * bodyFrom (reply: Reply, offset: number): AsyncGenerator<Uint8Array> {
  const start = reply.status === 206 ? startOf(reply) : 0
  if (start === null || start > offset) {
    throw new RegistryError('REMOTE_REFUSED', `${reply.url.host} answered with another range than from byte ${offset}`)
  }
  let skip = offset - start
  for await (const bytes of reply.body as AsyncIterable<Buffer>) {
    if (bytes.length > skip) yield bytes.subarray(skip)
    skip = Math.max(0, skip - bytes.length)
  }
}

function startOf (reply: Reply): number | null {
  const [, start] = /^bytes (\d+)-/.exec(headerOf(reply, 'content-range') ?? '') ?? []
  return start === undefined ? null : Number(start)
}

function missing (digest: string, label: string): RegistryError {
  return new RegistryError('BLOB_MISSING', `${label} has no ${digest}`)
}
