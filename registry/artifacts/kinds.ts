/** Whose packaging it is: CNCF ModelPack (ours too), KitOps, or Docker's model type. */
export type ArtifactKind = 'modelpack' | 'kitops' | 'docker-model'

/** A layer as a file by itself or as an archive, and how that is compressed. */
export type LayerForm = 'raw' | 'tar' | 'tar+gzip' | 'tar+zstd'

interface Typed { readonly mediaType: string }

const CONFIGS: ReadonlyArray<readonly [RegExp, ArtifactKind]> = [
  [/^application\/vnd\.cncf\.model\.config\.v1\+json$/, 'modelpack'],
  [/^application\/vnd\.kitops\.modelkit\.config\.v1\+json$/, 'kitops'],
  [/^application\/vnd\.docker\.ai\.model\.config\.v0\.\d+\+json$/, 'docker-model']
]

const FORMS: ReadonlyArray<readonly [RegExp, LayerForm]> = [
  [/^application\/vnd\.cncf\.model\.[a-z.]+\.v1\.raw$/, 'raw'],
  [/^application\/vnd\.docker\.ai\.(license|model\.file|safetensors|onnx)$/, 'raw'],
  [/^application\/vnd\.(cncf\.model|kitops\.modelkit)\.[a-z.]+\.v1\.tar$/, 'tar'],
  [/^application\/vnd\.(cncf\.model|kitops\.modelkit)\.[a-z.]+\.v1\.tar\+gzip$/, 'tar+gzip'],
  [/^application\/vnd\.(cncf\.model|kitops\.modelkit)\.[a-z.]+\.v1\.tar\+zstd$/, 'tar+zstd'],
  [/^application\/vnd\.docker\.ai\.[a-z.]+\.tar$/, 'tar']
]

/** Told by the type of the config. @throws what `refuse` makes of a sentence about what the manifest is instead */
export function kindOf (
  { config, layers, subject }: { config: Typed, layers: readonly Typed[], subject?: unknown },
  refuse: (problem: string) => Error
): ArtifactKind {
  const kind = CONFIGS.find(([pattern]) => pattern.test(config.mediaType))?.[1]
  if (kind !== undefined) return kind
  if (subject !== undefined) throw refuse('is about another manifest, as signatures are, and no model')
  if (/(oci\.image|docker\.container\.image)\..*json$/.test(config.mediaType)) {
    throw refuse('is a container image, which runs programs, and no model; import the model artifact it was built from')
  }
  throw refuse(`has a config of type ${JSON.stringify(config.mediaType)}; a ModelPack, KitOps or Docker model was expected` +
    (layers.length === 0 ? '' : `, its first layer is ${JSON.stringify(layers[0]?.mediaType)}`))
}

/** Null for a type that no model is made of. */
export function formOf (mediaType: string): LayerForm | null {
  return FORMS.find(([pattern]) => pattern.test(mediaType))?.[1] ?? null
}
