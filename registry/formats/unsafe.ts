import { RegistryError } from '../errors.js'
import { quote } from '../names.js'

/** Bytes from the beginning of a file by which `refuseUnsafeFormat` knows it. */
export const HEAD_BYTES = 2048 + 8

const PACKED = /\.(gz|bz2|xz|lzma|z|zst|lz4)$/

/** Formats that run code when they are loaded, by file ending. */
const UNSAFE_ENDINGS: Readonly<Record<string, string>> = {
  '.pt': 'PyTorch pickle',
  '.pth': 'PyTorch pickle',
  '.ckpt': 'checkpoint pickle',
  '.pkl': 'pickle',
  '.pck': 'pickle',
  '.pickle': 'pickle',
  '.dill': 'pickle',
  '.cloudpickle': 'pickle',
  '.joblib': 'joblib pickle',
  '.h5': 'Keras HDF5',
  '.hdf5': 'Keras HDF5',
  '.keras': 'Keras archive',
  '.so': 'native library',
  '.dylib': 'native library',
  '.dll': 'native library'
}

/** Opcodes: empty dict, empty list, mark, global, long (torch's magic number). */
const PICKLE_OPENINGS: ReadonlySet<number> = new Set([0x7d, 0x5d, 0x28, 0x63, 0x8a])
const PICKLE_FRAME = 0x95
/** Protocols 0 and 1: a remembered empty dict or list, or a global of a module that pickles name first. */
const TEXT_PICKLE = /^(\((dp|lp)\d*\n|[}\]]q\0|c(__builtin__|builtins|copy_?reg|importlib|io|joblib|keras|nt|numpy|os|pandas|posix|runpy|sklearn|subprocess|sys|torch)(\.[\w.]*)?\n[A-Za-z_][\w.]*\n(\(|p\d+\n|q\0))/

const HDF5 = Buffer.from('\x89HDF\r\n\x1a\n', 'latin1')
const HDF5_OFFSETS = [0, 512, 1024, 2048]
const ELF = Buffer.from('\x7fELF', 'latin1')
const ZIP = Buffer.from('PK\x03\x04', 'latin1')
const NUMPY = Buffer.from('\x93NUMPY', 'latin1')

/**
 * Refuses formats whose loading can run code, by name or, whatever the name, by the first bytes of the file.
 * @param head the first `HEAD_BYTES` of the file, or all it has; with fewer, less is recognised
 * @throws RegistryError SOURCE_INVALID
 */
export function refuseUnsafeFormat (path: string, head: Buffer): void {
  const kind = kindByName(path, head) ?? kindByBytes(head)
  if (kind !== null) throw unsafe(path, `is a ${kind} file`)
}

/** Says why a file is refused. */
export function unsafe (path: string, what: string): RegistryError {
  return new RegistryError('SOURCE_INVALID',
    `${quote(path)} ${what}, a format that can run code when it is loaded, so it is refused; ` +
    'export the model to ONNX and keep such files out of the folder')
}

/** What a file of this name would be, or null. */
export function unsafeEnding (path: string): string | null {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase().replace(PACKED, '')
  const ending = name.slice(name.lastIndexOf('.'))
  return Object.hasOwn(UNSAFE_ENDINGS, ending) ? UNSAFE_ENDINGS[ending] as string : null
}

/** torch's `.bin` is told from plain external data by its first bytes. */
function kindByName (path: string, head: Buffer): string | null {
  const name = path.slice(path.lastIndexOf('/') + 1).toLowerCase()
  const isTorchBin = name.endsWith('.bin') && (name.startsWith('pytorch_model') || startsWith(head, ZIP) || looksPickled(head))
  return isTorchBin ? 'PyTorch pickle' : unsafeEnding(path)
}

function kindByBytes (head: Buffer): string | null {
  if (looksPickled(head)) return 'pickle'
  if (HDF5_OFFSETS.some((offset) => startsWith(head.subarray(offset), HDF5))) return 'Keras HDF5'
  if (startsWith(head, ELF)) return 'native library'
  return startsWith(head, NUMPY) && /'descr':\s*[^,]*'\|?O'/.test(head.toString('latin1', 0, 512)) ? 'NumPy object pickle' : null
}

/** Its protocol, then an opcode that pickles begin with. */
function looksPickled (head: Buffer): boolean {
  const [mark, protocol, opcode] = head
  if (mark === 0x80 && protocol !== undefined && opcode !== undefined) {
    if (protocol === 2 || protocol === 3) return PICKLE_OPENINGS.has(opcode)
    return (protocol === 4 || protocol === 5) && opcode === PICKLE_FRAME
  }
  return TEXT_PICKLE.test(head.toString('latin1', 0, 256))
}

function startsWith (bytes: Buffer, prefix: Buffer): boolean {
  return bytes.subarray(0, prefix.length).equals(prefix)
}
