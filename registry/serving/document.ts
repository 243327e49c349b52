import { DraftSchema, RemoteDescriptorSchema, RemoteServingSchema, ServingSchema } from '../serving.js'

/** The published JSON Schema: what a user may write, with what a version holds beside it, as plain JSON. */
export function servingSchemaDocument (): Readonly<Record<string, unknown>> {
  return JSON.parse(JSON.stringify({
    $schema: 'https://json-schema.org/draft/2020-12/schema',
    $id: 'urn:gauntlet:serving:1',
    title: 'serving.json',
    description: 'How a version of a model is run and called. A user may write any part of it; publishing completes it ' +
      'from the model. The whole document is described under $defs/published, ' +
      'or $defs/publishedRemote where another server runs the model; $defs/remote is what a user writes to publish such a one.',
    ...DraftSchema,
    examples: [
      { labels: ['negative', 'positive'], batching: { maxBatch: 16, maxDelayMs: 2 }, metrics: { accuracy: 0.91 } }
    ],
    $defs: { published: ServingSchema, publishedRemote: RemoteServingSchema, remote: RemoteDescriptorSchema }
  })) as Record<string, unknown>
}
