import { createHash, generateKeyPairSync } from 'node:crypto'
import { mkdirSync, readdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { gzipSync } from 'node:zlib'
import { Header, type HeaderData } from 'tar'
import { chooseArtifact, findPlace } from '../../registry/artifacts/place.js'
import type { IngestRequest, IngestResult } from '../../registry/ingestion.js'
import type { Registry } from '../../registry/registry.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, temporaryFolder } from './registry-fixtures.js'

export const MODEL = modelBytes('imported')
export const { privateKey: KEY } = generateKeyPairSync('ec', { namedCurve: 'P-256' })

/** Imports as the command does. */
export async function importFrom (registry: Registry, source: string, request: Partial<IngestRequest> = {}): Promise<IngestResult> {
  const { path, reference } = await findPlace(source)
  return await registry.openPlace(path, async (place) =>
    await registry.ingest({ digest: chooseArtifact(place, reference).digest, actor: 'ann', ...request }, place.reader, fakeInspect))
}

/** A version of several files, signed, written to an archive and to a layout folder. */
export async function exported () {
  const { registry, dataDir } = openRegistry()
  const path = folderOf({ 'model.onnx': MODEL, 'weights.data': Buffer.alloc(300_000, 7), 'README.md': '# m' })
  const { detail } = await registry.publish({ path, name: 'team/m', version: '1.0', actor: 'ann', signWith: KEY }, fakeInspect)
  const folder = temporaryFolder()
  const [archive, layout] = [join(folder, 'm.tar'), join(folder, 'layout')]
  await registry.export({ name: 'team/m', version: '1.0', target: archive, format: 'oci-archive' })
  await registry.export({ name: 'team/m', version: '1.0', target: layout, format: 'oci-dir' })
  return { registry, dataDir, digest: detail.digest, archive, layout, folder }
}

/** One member of an archive made by hand; `content` may disagree with `size`. */
export interface Member { readonly path: string, readonly content?: string | Buffer, readonly header?: HeaderData }

/** An archive, byte by byte, hostile members included. */
export function tarOf (members: readonly Member[]): Buffer {
  const blocks = members.flatMap(({ path, content = '', header = {} }) => {
    const body = Buffer.from(content)
    const block = Buffer.alloc(512)
    new Header({ path, mode: 0o644, uid: 0, gid: 0, size: body.length, mtime: new Date(0), type: 'File', ...header }).encode(block, 0)
    return [block, body, Buffer.alloc((512 - body.length % 512) % 512)]
  })
  return Buffer.concat([...blocks, Buffer.alloc(1024)])
}

interface LayerSpec { readonly mediaType: string, readonly bytes: Buffer, readonly path?: string }

/** A layout folder with one artifact, as another tool writes it. */
export function layoutOf (
  configType: string, config: unknown, layers: readonly LayerSpec[], annotations: Record<string, string> = {}, name: string | null = 'x:1'
): { folder: string, digest: string } {
  const folder = temporaryFolder()
  const blobs = join(folder, 'blobs', 'sha256')
  mkdirSync(blobs, { recursive: true })
  const put = (bytes: Buffer) => {
    const hex = createHash('sha256').update(bytes).digest('hex')
    writeFileSync(join(blobs, hex), bytes)
    return { digest: `sha256:${hex}`, size: bytes.length }
  }
  const manifest = put(Buffer.from(JSON.stringify({
    schemaVersion: 2,
    config: { mediaType: configType, ...put(Buffer.from(JSON.stringify(config))) },
    layers: layers.map(({ mediaType, bytes, path }) =>
      ({ mediaType, ...put(bytes), ...path === undefined ? {} : { annotations: { 'org.cncf.model.filepath': path } } })),
    annotations
  })))
  writeFileSync(join(folder, 'oci-layout'), '{"imageLayoutVersion":"1.0.0"}')
  writeFileSync(join(folder, 'index.json'), JSON.stringify({
    schemaVersion: 2,
    manifests: [{ mediaType: 'application/vnd.oci.image.manifest.v1+json', ...manifest, ...name === null ? {} : { annotations: { 'org.opencontainers.image.ref.name': name } } }]
  }))
  return { folder, digest: manifest.digest }
}

/** A KitOps artifact of one gzipped layer. */
export function kitOf (archive: Buffer, kitfile: unknown = { package: { name: 'kit', version: '1' } }): string {
  return layoutOf('application/vnd.kitops.modelkit.config.v1+json', kitfile,
    [{ mediaType: 'application/vnd.kitops.modelkit.model.v1.tar+gzip', bytes: gzipSync(archive) }]).folder
}

/** Every file below a folder with its digest, so that two moments can be compared. */
export function listingOf (folder: string, path = ''): string[] {
  return readdirSync(join(folder, path)).sort().flatMap((name) => {
    const inner = path === '' ? name : `${path}/${name}`
    if (statSync(join(folder, inner)).isDirectory()) return [`${inner}/`, ...listingOf(folder, inner)]
    return [`${inner} ${createHash('sha256').update(readFileSync(join(folder, inner))).digest('hex')}`]
  })
}
