import { mkdirSync, statSync, writeFileSync } from 'node:fs'
import { dirname, join } from 'node:path'
import type { ModelFile } from '../../registry/formats/check.js'
import { buildModel, mlp } from '../../scripts/support/onnx-builder.js'
import { ProtobufWriter } from '../../scripts/support/protobuf.js'

const message = () => new ProtobufWriter()

/** A TensorProto whose elements are in another file; `entries` in any number and order. */
export function externalTensor (
  entries: Readonly<Record<string, string>> | ReadonlyArray<readonly [string, string]>,
  { name = 'w', dims = [2, 2], type = 1 }: { name?: string, dims?: readonly number[], type?: number } = {}
): ProtobufWriter {
  const tensor = message().packedInts(1, dims).int(2, type).string(8, name)
  const pairs = (Array.isArray(entries) ? entries : Object.entries(entries)) as ReadonlyArray<readonly [string, string]>
  for (const [key, value] of pairs) tensor.message(13, message().string(1, key).string(2, value))
  return tensor.int(14, 1)
}

/** An input or output: FP32 of the shape [1]. */
export function value (name: string): ProtobufWriter {
  const shape = message().message(1, message().int(1, 1))
  return message().string(1, name).message(2, message().message(1, message().int(1, 1).message(2, shape)))
}

export function node (op: string, { domain, attributes = [] }: { domain?: string, attributes?: readonly ProtobufWriter[] } = {}): ProtobufWriter {
  const built = message().string(1, 'x').string(2, 'y').string(4, op)
  for (const attribute of attributes) built.message(5, attribute)
  if (domain !== undefined) built.string(7, domain)
  return built
}

/** A GraphProto from x to y. */
export function graph ({ nodes = [node('Relu')], initializers = [], more = () => {} }: {
  nodes?: readonly ProtobufWriter[], initializers?: readonly ProtobufWriter[], more?: (graph: ProtobufWriter) => void
} = {}): ProtobufWriter {
  const built = message()
  for (const item of nodes) built.message(1, item)
  for (const item of initializers) built.message(5, item)
  built.message(11, value('x')).message(12, value('y'))
  more(built)
  return built
}

/** A FunctionProto; `calls` are operators of its own domain. */
export function localFunction (name: string, calls: readonly string[], domain = 'local'): ProtobufWriter {
  const built = message().string(1, name)
  for (const call of calls) built.message(7, node(call, { domain }))
  return built.string(10, domain)
}

/** A ModelProto. */
export function model (content: ProtobufWriter = graph(), more: (model: ProtobufWriter) => void = () => {}): Buffer {
  const built = message().int(1, 8).message(7, content).message(8, message().int(2, 17))
  more(built)
  return Buffer.from(built.finish())
}

/** A model whose one node has a sub-graph, which has a node that has a sub-graph, and so on. */
export function nestedModel (depth: number): Buffer {
  let inner = graph()
  for (let level = 0; level < depth; level++) {
    inner = graph({ nodes: [node('If', { attributes: [message().string(1, 'then_branch').message(6, inner).int(20, 5)] })] })
  }
  return model(inner)
}

/** Real models of every kind that the builder makes. */
export const BUILT_MODELS: Readonly<Record<string, () => Buffer>> = {
  mlp: () => Buffer.from(mlp({ sizes: [4, 8, 3], seed: 1 })),
  strings: () => Buffer.from(buildModel({
    inputs: [{ name: 'text', datatype: 'BYTES', shape: ['batch', 1] }],
    outputs: [{ name: 'same', datatype: 'BYTES', shape: ['batch', 1] }],
    nodes: [{ op: 'Identity', inputs: ['text'], outputs: ['same'] }],
    initializers: []
  })),
  branches: () => Buffer.from(buildModel({
    inputs: [{ name: 'x', datatype: 'FP32', shape: [-1, 2] }, { name: 'flag', datatype: 'BOOL', shape: [] }],
    outputs: [{ name: 'y', datatype: 'FP32', shape: [-1, 2] }],
    nodes: [{ op: 'If', inputs: ['flag'], outputs: ['y'], attributes: { then_branch: { graph: branch('a', 1) }, else_branch: { graph: branch('b', 2) } } }],
    initializers: []
  })),
  integers: () => Buffer.from(buildModel({
    inputs: [{ name: 'i', datatype: 'INT64', shape: [3] }],
    outputs: [{ name: 'sum', datatype: 'INT64', shape: [3] }, { name: 'half', datatype: 'FP16', shape: [3] }],
    nodes: [
      { op: 'Add', inputs: ['i', 'one'], outputs: ['sum'] },
      { op: 'Cast', inputs: ['sum'], outputs: ['half'], attributes: { to: 10 } }
    ],
    initializers: [{ name: 'one', datatype: 'INT64', shape: [1], data: [1] }]
  }))
}

function branch (name: string, by: number) {
  return {
    name,
    inputs: [],
    outputs: [{ name: `out_${name}`, datatype: 'FP32', shape: [-1, 2] }],
    nodes: [{ op: 'Mul', inputs: ['x', `by_${name}`], outputs: [`out_${name}`] }],
    initializers: [{ name: `by_${name}`, datatype: 'FP32', shape: [1], data: [by] }]
  } as const
}

/** Writes files below a folder and gives them as what `checkModelFiles` takes. */
export function writeModelFiles (folder: string, files: Readonly<Record<string, string | Buffer>>): ModelFile[] {
  return Object.entries(files).map(([path, content]) => {
    const location = join(folder, path)
    mkdirSync(dirname(location), { recursive: true })
    writeFileSync(location, content)
    return { path, location, sizeBytes: statSync(location).size }
  })
}

/** A safetensors file. */
export function safetensors (header: unknown, dataBytes = 0): Buffer {
  const text = Buffer.from(typeof header === 'string' ? header : JSON.stringify(header))
  const length = Buffer.alloc(8)
  length.writeBigUInt64LE(BigInt(text.length))
  return Buffer.concat([length, text, Buffer.alloc(dataBytes)])
}

const u32 = (number: number) => { const bytes = Buffer.alloc(4); bytes.writeUInt32LE(number); return bytes }
const u64 = (number: number | bigint) => { const bytes = Buffer.alloc(8); bytes.writeBigUInt64LE(BigInt(number)); return bytes }
const text = (content: string) => Buffer.concat([u64(Buffer.byteLength(content)), Buffer.from(content)])

/** A GGUF file of FP32 vectors, each given by its offset and its number of elements. */
export function gguf (tensors: ReadonlyArray<readonly [offset: number, elements: number | bigint]>, {
  version = 3, dataBytes = 0, metadata = [], entries = metadata.length + 2, count = tensors.length
}: { version?: number, dataBytes?: number, metadata?: readonly Buffer[], entries?: number | bigint, count?: number | bigint } = {}): Buffer {
  const header = Buffer.concat([
    Buffer.from('GGUF'), u32(version), u64(count), u64(entries),
    text('general.name'), u32(8), text('tiny'),
    text('tokens'), u32(9), u32(8), u64(2), text('a'), text('b'),
    ...metadata,
    ...tensors.flatMap(([offset, elements], index) => [text(`t${index}`), u32(1), u64(elements), u32(0), u64(offset)])
  ])
  return Buffer.concat([header, Buffer.alloc((32 - header.length % 32) % 32 + dataBytes)])
}

/** An entry of GGUF metadata: a key, the number of a type, the bytes of the value. */
export function ggufEntry (key: string, type: number, bytes: Buffer): Buffer {
  return Buffer.concat([text(key), u32(type), bytes])
}

export const ggufNumbers = { u32, u64 }

/** A zip archive of empty, stored members. */
export function zip (names: readonly string[], { prefix = '' }: { prefix?: string } = {}): Buffer {
  const locals: Buffer[] = [Buffer.from(prefix)]
  const directory: Buffer[] = []
  let at = prefix.length
  for (const name of names) {
    const bytes = Buffer.from(name)
    const local = Buffer.concat([Buffer.from('PK\x03\x04'), Buffer.alloc(22), Buffer.from([bytes.length, 0, 0, 0]), bytes])
    const entry = Buffer.concat([Buffer.from('PK\x01\x02'), Buffer.alloc(42), bytes])
    entry.writeUInt16LE(bytes.length, 28)
    entry.writeUInt32LE(at, 42)
    locals.push(local)
    directory.push(entry)
    at += local.length
  }
  const end = Buffer.concat([Buffer.from('PK\x05\x06'), Buffer.alloc(18)])
  end.writeUInt16LE(names.length, 8)
  end.writeUInt16LE(names.length, 10)
  end.writeUInt32LE(Buffer.concat(directory).length, 12)
  end.writeUInt32LE(at, 16)
  return Buffer.concat([...locals, ...directory, end])
}
