import { lstatSync, readdirSync } from 'node:fs'
import { join } from 'node:path'
import type { Layout } from './layout.js'

const HEX = /^[0-9a-f]{64}$/

/** A file that is named after a digest, as it was when it was looked at. */
export interface BlobFile {
  readonly digest: string
  readonly path: string
  readonly sizeBytes: number
  readonly modifiedAt: number
  readonly inode: number
  readonly isRegular: boolean
}

export interface BlobListing {
  /** Sorted by digest. */
  readonly blobs: BlobFile[]
  /** Paths within the layout of what has no business among blobs. */
  readonly strangers: string[]
}

/** Everything below `blobs/`, without reading any of it. O(blobs) time and memory. */
export function listBlobs (layout: Layout): BlobListing {
  const folders = readdirSync(join(layout.root, 'blobs')).sort()
  const names = readdirSync(join(layout.root, 'blobs', 'sha256')).sort()
  return {
    blobs: names.filter((name) => HEX.test(name)).flatMap((name) => lookAt(layout, `sha256:${name}`) ?? []),
    strangers: [
      ...folders.filter((name) => name !== 'sha256').map((name) => `blobs/${name}`),
      ...names.filter((name) => !HEX.test(name)).map((name) => `blobs/sha256/${name}`)
    ]
  }
}

/** The file of a blob, without following a symbolic link; null when there is none. */
export function lookAt (layout: Layout, digest: string): BlobFile | null {
  const path = layout.blobPath(digest)
  const found = lstatSync(path, { throwIfNoEntry: false })
  if (found === undefined) return null
  const { size: sizeBytes, mtimeMs: modifiedAt, ino: inode } = found
  return { digest, path, sizeBytes, modifiedAt, inode, isRegular: found.isFile() }
}
