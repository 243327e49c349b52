import { posix } from 'node:path'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { pathFault } from '../paths.js'
import { FileCursor } from './cursor.js'
import { checkGguf } from './gguf.js'
import type { ModelFileLimits } from './limits.js'
import { describeOnnx, type OnnxHeader } from './onnx.js'
import { checkOperators } from './onnx-operators.js'
import type { ExternalTensor } from './onnx-tensor.js'
import { checkSafetensors } from './safetensors.js'
import { HEAD_BYTES, refuseUnsafeFormat } from './unsafe.js'
import { checkZip } from './zip.js'

const SERVING_FILE = 'serving.json'
const ZIP_START = 'PK\x03\x04'
const ZIP_END = 'PK\x05\x06'
const ZIP_END_BYTES = 22

/** A file of a version: its path inside the version, where it is now, and how many bytes it has. */
export interface ModelFile { readonly path: string, readonly location: string, readonly sizeBytes: number }

/** What the ONNX files say, by path; of use to whoever describes the version. */
export interface CheckedModelFiles { readonly onnx: ReadonlyMap<string, OnnxHeader> }

/**
 * Refuses model files that could harm who loads them, before anybody does. Reads headers alone, of any file at most the
 * bounds of `limits`; the files must be ones that nobody else can change.
 * @throws RegistryError SOURCE_INVALID naming the file, what is wrong and what was expected
 */
export async function checkModelFiles (
  files: readonly ModelFile[], limits: ModelFileLimits
): Promise<CheckedModelFiles> {
  const sizes = new Map(files.map(({ path, sizeBytes }) => [path, sizeBytes]))
  const onnx = new Map<string, OnnxHeader>()
  for (const { path, location } of files) {
    const { head, hasZipEnd } = await edgesOf(location, path)
    refuseUnsafeFormat(path, head)
    const ending = posix.extname(path).toLowerCase()
    if (ending === '.onnx') {
      const header = await describeOnnx(location, path, limits.onnx)
      checkOperators(path, header, { ...limits, nodesMax: limits.onnx.nodesMax })
      for (const tensor of header.externalTensors) checkExternal(path, tensor, sizes)
      onnx.set(path, header)
    }
    if (ending === '.safetensors') await checkSafetensors(location, path, limits)
    if (ending === '.gguf' || head.toString('latin1', 0, 4) === 'GGUF') await checkGguf(location, path, limits)
    if (hasZipEnd || head.toString('latin1', 0, 4) === ZIP_START) await checkZip(location, path, limits)
  }
  return { onnx }
}

/** Weights in another file must be in a file of the same version, spelled as it is, and within it. */
function checkExternal (path: string, tensor: ExternalTensor, sizes: ReadonlyMap<string, number>): void {
  const { location, offsetBytes, lengthBytes } = tensor
  const refuse = (what: string): RegistryError => new RegistryError('SOURCE_INVALID',
    `${quote(path)} is refused: the external data ${quote(location)} of tensor ${quote(tensor.tensor)} ${what}`)
  const fault = pathFault(location)
  if (fault !== null) throw refuse(`${fault}; it must be a file of this version, by a path relative to the model`)
  const target = posix.join(posix.dirname(path), location)
  if (target === SERVING_FILE) throw refuse('is the description of how the model is served, which is written anew')
  const sizeBytes = sizes.get(target)
  if (sizeBytes === undefined) throw refuse(`is not among the files of this version, where it would be ${quote(target)}`)
  if (offsetBytes + lengthBytes > sizeBytes) {
    throw refuse(`is to have ${lengthBytes} bytes from ${offsetBytes} on, and ${quote(target)} has ${sizeBytes}`)
  }
}

/** The beginning of a file, and whether it ends like a zip archive, which may begin like anything. */
async function edgesOf (location: string, path: string): Promise<{ head: Buffer, hasZipEnd: boolean }> {
  return await FileCursor.use(location, { path, format: 'model' }, async (cursor) => {
    const head = await cursor.bytes(Math.min(HEAD_BYTES, cursor.sizeBytes))
    if (cursor.sizeBytes < ZIP_END_BYTES) return { head, hasZipEnd: false }
    cursor.moveTo(cursor.sizeBytes - ZIP_END_BYTES)
    const end = await cursor.bytes(ZIP_END_BYTES)
    return { head, hasZipEnd: end.toString('latin1', 0, 4) === ZIP_END }
  })
}
