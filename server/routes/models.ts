import { type FastifyPluginAsyncTypebox, Type } from '@fastify/type-provider-typebox'
import type { Registry } from '../../registry/registry.js'
import type { Prove } from '../../registry/running.js'
import type { Fleet } from '../fleet.js'
import { handOf, type Named } from './hand.js'

const Name = Type.String({ minLength: 1, maxLength: 128 })
const Text = Type.String()

const ModelView = Type.Object({
  name: Text,
  aliases: Type.Record(Text, Text),
  /** The version that answers unversioned calls now; it follows the alias once that version is warm. */
  serving: Type.Union([Text, Type.Null()]),
  versions: Type.Array(Type.Object({
    version: Text,
    digest: Text,
    createdAt: Type.Number(),
    aliases: Type.Array(Text),
    state: Text,
    error: Type.Union([Text, Type.Null()])
  }))
})

const TensorView = Type.Object({ name: Text, datatype: Text, shape: Type.Array(Type.Integer()) })

const VersionView = Type.Object({
  name: Text,
  version: Text,
  digest: Text,
  sizeBytes: Type.Number(),
  createdAt: Type.Number(),
  aliases: Type.Array(Text),
  inputs: Type.Array(TensorView),
  outputs: Type.Array(TensorView),
  serving: Type.Unknown()
})

const AliasBody = Type.Object({
  version: Type.String({ minLength: 1, maxLength: 128 }),
  reason: Type.String({ minLength: 1, maxLength: 1_024 }),
  allowSignatureChange: Type.Optional(Type.Boolean()),
  /** What the caller believes the alias points to; null for nothing. */
  expected: Type.Optional(Type.Union([Type.String({ minLength: 1, maxLength: 128 }), Type.Null()])),
  /** Makes a version champion that was not proven to load and to pass its golden examples. */
  force: Type.Optional(Type.Boolean())
}, { additionalProperties: false })

const AliasHistory = Type.Array(Type.Object({
  version: Type.Union([Text, Type.Null()]),
  previous: Type.Union([Text, Type.Null()]),
  at: Type.Number(),
  actor: Text,
  reason: Text
}))

export interface ModelRoutesOptions { readonly registry: Registry, readonly fleet: Fleet, readonly prove: Prove }

/** Models, versions and aliases, with the state of what is loaded. */
export const modelRoutes: FastifyPluginAsyncTypebox<ModelRoutesOptions> = async (app, { registry, fleet, prove }) => {
  const withState = (model: ReturnType<Registry['models']>[number]) => ({
    ...model,
    serving: fleet.snapshot().models.get(model.name)?.champion?.version ?? null,
    versions: model.versions.map((version) => {
      const load = fleet.load(model.name, version.version)
      return { ...version, state: load.state, error: load.state === 'failed' ? load.message : null }
    })
  })

  app.get('/', { schema: { response: { 200: Type.Array(ModelView) } } }, async () => registry.models().map(withState))

  app.get('/:name', {
    schema: { params: Type.Object({ name: Name }), response: { 200: ModelView } }
  }, async ({ params }) => {
    const model = registry.models().find(({ name }) => name === params.name)
    return withState(model ?? registry.show(params.name, '') as never)
  })

  app.get('/:name/versions/:version', {
    schema: { params: Type.Object({ name: Name, version: Name }), response: { 200: VersionView } }
  }, async ({ params }) => registry.show(params.name, params.version) as never)

  app.put('/:name/aliases/:alias', {
    schema: { params: Type.Object({ name: Name, alias: Name }), body: AliasBody, response: { 200: AliasHistory } }
  }, async (request) => {
    const { name, alias } = request.params
    const { reason, force: isForced = false, ...move } = request.body
    await registry.moveAlias({ name, alias, ...move, isForced, ...handOf(request as Named, { reason }) }, prove)
    fleet.sync()
    return registry.aliasHistory(name, alias)
  })

  app.get('/:name/aliases/:alias', {
    schema: { params: Type.Object({ name: Name, alias: Name }), response: { 200: AliasHistory } }
  }, async ({ params }) => registry.aliasHistory(params.name, params.alias))
}
