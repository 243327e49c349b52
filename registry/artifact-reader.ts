/** A descriptor as manifests and indexes carry them; what other tools leave out is absent. */
export interface ArtifactDescriptor {
  readonly mediaType?: string
  readonly artifactType?: string
  readonly digest: string
  readonly size: number
  readonly annotations?: Readonly<Record<string, string>>
}

/** One artifact somewhere: in a layout, an archive, another registry. Nothing that it gives is checked yet. */
export interface ArtifactReader {
  /** What it is called in messages. */
  readonly label: string
  /** The exact bytes of a manifest or index. @throws RegistryError BLOB_MISSING */
  readonly manifest: (digest: string) => Promise<Buffer>
  /** The bytes of a blob from `offset` on, in order. @throws RegistryError BLOB_MISSING */
  readonly blob: (digest: string, offset?: number) => AsyncIterable<Uint8Array>
  /** The manifests about this one, such as signatures; none when the place knows of none. */
  readonly referrers: (digest: string) => Promise<ArtifactDescriptor[]>
}
