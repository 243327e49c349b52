import { RegistryError } from '../errors.js'
import type { ArtifactDescriptor } from '../artifact-reader.js'
import type { TransferProgress } from '../progress.js'
import { pushOf, type RegistryClient } from './client.js'
import type { Published, PublishedManifest } from './published.js'
import { addFallbackReferrer, listReferrers } from './remote-referrers.js'
import { dropBody, headerOf } from './transport.js'
import type { UploadSessions } from './upload-sessions.js'
import { BlobUpload } from './upload.js'

/** How far a push has come. Killed at any of them, the next one completes: a tag never precedes what it names. */
export type PushStep = 'checked' | 'chunk' | 'blob' | 'manifest' | 'signature' | 'tag'

export const PUSH_DEFAULTS = { chunkBytes: 16 * 1024 ** 2, parallelMax: 3 } as const

export interface PushRequest {
  /** Of the manifest of a version. */
  readonly digest: string
  readonly repository: string
  /** All of them shall name the version; none is moved before everything else is there. */
  readonly tags: readonly string[]
  /** A repository of the same registry whose blobs may be used. */
  readonly mountFrom?: string | null
  readonly chunkBytes?: number
  /** Blobs under way at a time. */
  readonly parallelMax?: number
  /** Only asks what is there. */
  readonly isDryRun?: boolean
  readonly progress?: TransferProgress
  readonly onStep?: (step: PushStep) => void
}

export interface PushResult {
  readonly status: 'pushed' | 'unchanged'
  readonly digest: string
  readonly tags: readonly string[]
  readonly sent: Counted
  readonly mounted: Counted
  readonly present: Counted
  /** Signatures and other manifests about the version that are there now. */
  readonly referrers: number
}

interface Counted { readonly blobs: number, readonly bytes: number }

const SILENT: TransferProgress = { start: () => {}, add: () => {}, end: () => {} }

/**
 * Sends a version to another registry: layers, config, manifest, then what is about it, then the tags. What is there is
 * not sent again, so the same push again changes nothing.
 * @throws RegistryError REMOTE_*, BLOB_MISSING and DIGEST_MISMATCH for blobs of ours
 */
export async function push (
  client: RegistryClient, published: Published, sessions: UploadSessions, request: PushRequest
): Promise<PushResult> {
  return await new Push(client, published, sessions, request).run()
}

class Push {
  readonly #client: RegistryClient
  readonly #published: Published
  readonly #sessions: UploadSessions
  readonly #request: PushRequest
  readonly #scopes: readonly string[]
  readonly #progress: TransferProgress
  readonly #isDryRun: boolean
  readonly #counts = { sent: nothing(), mounted: nothing(), present: nothing() }
  #isChanged = false

  constructor (client: RegistryClient, published: Published, sessions: UploadSessions, request: PushRequest) {
    this.#client = client
    this.#published = published
    this.#sessions = sessions
    this.#request = request
    this.#scopes = pushOf(request.repository)
    this.#progress = request.progress ?? SILENT
    this.#isDryRun = request.isDryRun ?? false
  }

  async run (): Promise<PushResult> {
    const { digest, tags, repository } = this.#request
    const manifest = await this.#published.read(digest)
    const about = await Promise.all((await this.#published.referrersOf(digest)).map(async (descriptor) =>
      ({ descriptor, manifest: await this.#published.read(descriptor.digest) })))
    await this.#sendBlobs(manifest)
    await this.#sendManifest(manifest, digest)
    this.#step('manifest')
    for (const referrer of about) await this.#sendReferrer(referrer.manifest, referrer.descriptor)
    for (const tag of tags) {
      const there = await this.#client.manifest(repository, tag, this.#scopes)
      if (there?.digest !== digest) await this.#put(manifest, tag)
      this.#step('tag')
    }
    return { status: this.#isChanged ? 'pushed' : 'unchanged', digest, tags, ...this.#counts, referrers: about.length }
  }

  #step (step: PushStep): void {
    this.#request.onStep?.(step)
  }

  /** Layers beside each other, a bounded number at a time; the config after all of them. */
  async #sendBlobs ({ blobs }: PublishedManifest): Promise<void> {
    const config = blobs.at(-1)
    const upcoming = blobs.slice(0, -1)
    const work = async (): Promise<void> => {
      for (let next = upcoming.shift(); next !== undefined; next = upcoming.shift()) await this.#sendBlob(next)
    }
    const { parallelMax = PUSH_DEFAULTS.parallelMax } = this.#request
    const outcomes = await Promise.allSettled(Array.from({ length: parallelMax }, async () => {
      try {
        await work()
      } catch (error) {
        upcoming.length = 0
        throw error
      }
    }))
    for (const outcome of outcomes) if (outcome.status === 'rejected') throw outcome.reason
    if (config !== undefined) await this.#sendBlob(config)
  }

  async #sendBlob (blob: ArtifactDescriptor): Promise<void> {
    const { digest, size } = blob
    const { repository, chunkBytes = PUSH_DEFAULTS.chunkBytes, mountFrom = null } = this.#request
    await (await this.#published.open(blob)).file.close()
    const isThere = await this.#client.exists(repository, 'blobs', digest, this.#scopes)
    this.#step('checked')
    if (isThere || this.#isDryRun) {
      count(this.#counts[isThere ? 'present' : 'sent'], size)
      this.#isChanged ||= !isThere
      return
    }
    this.#progress.start(blob.annotations?.['org.cncf.model.filepath'] ?? digest.slice(0, 19), size)
    try {
      const open = (start: number, end: number) => this.#published.stream(digest, start, end)
      const source = { digest, sizeBytes: size, open }
      const upload = new BlobUpload(this.#client, repository, source, {
        chunkBytes, mountFrom, sessions: this.#sessions, progress: this.#progress, onChunk: () => { this.#step('chunk') }
      })
      count(this.#counts[await upload.run()], size)
      this.#isChanged = true
    } catch (error) {
      throw await this.#explained(error, digest)
    } finally {
      this.#progress.end()
    }
    this.#step('blob')
  }

  /** Whose fault it is that the registry got other bytes: the blob here may be damaged. */
  async #explained (error: unknown, digest: string): Promise<unknown> {
    if (!(error instanceof RegistryError) || error.code !== 'DIGEST_MISMATCH') return error
    const problem = await this.#published.problemOf(digest)
    return problem === null ? error : new RegistryError('DIGEST_MISMATCH', `${problem}; ${this.#client.host} refused it`, { cause: error })
  }

  async #sendManifest (manifest: PublishedManifest, reference: string): Promise<void> {
    if (await this.#client.exists(this.#request.repository, 'manifests', reference, this.#scopes)) return
    await this.#put(manifest, reference)
  }

  /** @returns whether the registry says that it keeps the connection to the subject itself */
  async #put ({ bytes, mediaType, digest }: PublishedManifest, reference: string): Promise<boolean> {
    this.#isChanged = true
    if (this.#isDryRun) return true
    const { repository } = this.#request
    const reply = await this.#client.request({
      method: 'PUT',
      target: `/v2/${repository}/manifests/${reference}`,
      scopes: this.#scopes,
      headers: { 'content-type': mediaType },
      body: bytes
    })
    if (reply.status !== 201) throw await this.#client.refusal(reply, `the manifest ${reference} of ${repository}`)
    await dropBody(reply)
    const told = headerOf(reply, 'docker-content-digest')
    if (told !== null && told !== digest) {
      throw new RegistryError('DIGEST_MISMATCH', `${this.#client.host} stored ${reference} of ${repository} as ${told}, sent was ${digest}`)
    }
    return headerOf(reply, 'oci-subject') !== null
  }

  async #sendReferrer (manifest: PublishedManifest, descriptor: ArtifactDescriptor): Promise<void> {
    const { repository, digest: subject } = this.#request
    const { descriptors, isNative } = await listReferrers(this.#client, repository, subject, this.#scopes)
    if (!descriptors.some(({ digest }) => digest === manifest.digest)) {
      await this.#sendBlobs(manifest)
      const isKept = await this.#put(manifest, manifest.digest)
      const isTagged = !isNative && !isKept && !this.#isDryRun
      if (isTagged) await addFallbackReferrer(this.#client, repository, subject, descriptor)
    }
    this.#step('signature')
  }
}

function nothing (): { blobs: number, bytes: number } {
  return { blobs: 0, bytes: 0 }
}

function count (counted: { blobs: number, bytes: number }, bytes: number): void {
  counted.blobs++
  counted.bytes += bytes
}
