import { open } from 'node:fs/promises'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import { RemoteDescriptorSchema, type RemoteDescriptor } from '../serving.js'
import { backendFaults } from '../serving/backend.js'
import { refuseFaults, schemaFaults } from '../serving/faults.js'
import { parseYaml, YamlFault } from '../yaml.js'

const SUBJECT = 'the remote model'
/** Baseline and examples included. */
const DESCRIPTOR_BYTES_MAX = 16 * 1024 ** 2

/**
 * Reads what says where a model is run, as YAML or JSON.
 * @throws RegistryError SOURCE_NOT_FOUND, SOURCE_INVALID; SERVING_INVALID naming each wrong path
 */
export async function readDescriptor (path: string): Promise<RemoteDescriptor> {
  return parseDescriptor(await readBounded(path))
}

/** @throws RegistryError SERVING_INVALID naming each wrong path */
export function parseDescriptor (text: string): RemoteDescriptor {
  const value = parseText(text)
  refuseFaults(schemaFaults(RemoteDescriptorSchema, value), SUBJECT)
  const { backend } = value as RemoteDescriptor
  refuseFaults(backendFaults(backend), SUBJECT)
  return { ...value as RemoteDescriptor, backend: { ...backend, url: backend.url.replace(/\/+$/, '') } }
}

/** JSON is YAML, too. */
function parseText (text: string): unknown {
  try {
    return parseYaml(text)
  } catch (error) {
    if (!(error instanceof YamlFault)) throw error
    throw new RegistryError('SERVING_INVALID', `${SUBJECT} is neither YAML nor JSON: ${error.message}`, { cause: error })
  }
}

async function readBounded (path: string): Promise<string> {
  const file = await open(path).catch((error: NodeJS.ErrnoException) => {
    const isAbsent = error.code === 'ENOENT' || error.code === 'ENOTDIR'
    throw new RegistryError(isAbsent ? 'SOURCE_NOT_FOUND' : 'SOURCE_INVALID',
      isAbsent ? `there is no file or folder ${quote(path)}` : `cannot read ${quote(path)}: ${error.message}`, { cause: error })
  })
  try {
    const found = await file.stat()
    if (!found.isFile()) throw new RegistryError('SOURCE_INVALID', `${quote(path)} must be a file`)
    if (found.size > DESCRIPTOR_BYTES_MAX) {
      throw new RegistryError('SOURCE_INVALID', `${quote(path)} is larger than ${DESCRIPTOR_BYTES_MAX} bytes`)
    }
    return await file.readFile('utf8')
  } finally {
    await file.close()
  }
}
