import Fastify from 'fastify'
import * as ort from 'onnxruntime-node'

/** What Gauntlet is measured beside: a bare Fastify route that calls onnxruntime in its own process. */
const session = await ort.InferenceSession.create(process.argv[2]!)
const app = Fastify({ bodyLimit: 33_554_432 })

interface Body { inputs: { name: string, shape: number[], data: number[] }[] }

app.post<{ Body: Body }>('/v2/models/mlp/infer', async ({ body }) => {
  const [input] = body.inputs
  const result = await session.run({ input: new ort.Tensor('float32', Float32Array.from(input!.data), input!.shape) })
  const output = result['output']!
  return {
    model_name: 'mlp',
    outputs: [{ name: 'output', datatype: 'FP32', shape: output.dims, data: Array.from(output.data as Float32Array) }]
  }
})

await app.listen({ port: 0, host: '127.0.0.1' })
const address = app.server.address()
process.stdout.write(`listening on http://127.0.0.1:${typeof address === 'object' ? address!.port : ''}\n`)
process.on('SIGTERM', () => { process.exit(0) })
