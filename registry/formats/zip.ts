import { FileCursor } from './cursor.js'
import type { ModelFileLimits } from './limits.js'
import { unsafe, unsafeEnding } from './unsafe.js'

const END = Buffer.from('PK\x05\x06', 'latin1')
const END_BYTES = 22
const COMMENT_BYTES_MAX = 65_535
const LOCATOR = Buffer.from('PK\x06\x07', 'latin1')
const LOCATOR_BYTES = 20
const END_64_BYTES = 56
const ENTRY = Buffer.from('PK\x01\x02', 'latin1')
const ENTRY_BYTES = 46
const KERAS_WEIGHTS = 'model.weights.h5'

interface Directory { readonly at: number, readonly sizeBytes: number, readonly entries: number }

type Limits = Pick<ModelFileLimits, 'archiveMembersMax' | 'archiveDirectoryBytesMax'>

/**
 * A zip archive may be data. It is refused when one of its members would be refused by name, as in what torch and Keras
 * write, or when its directory cannot be read. Nothing is unpacked, and names are never taken for paths.
 * @throws RegistryError SOURCE_INVALID
 */
export async function checkZip (location: string, path: string, limits: Limits): Promise<void> {
  await FileCursor.use(location, { path, format: 'zip' }, async (cursor) => {
    const directory = await findDirectory(cursor)
    if (directory.entries > limits.archiveMembersMax || directory.sizeBytes > limits.archiveDirectoryBytesMax) {
      throw cursor.fault(`it has ${directory.entries} members in a directory of ${directory.sizeBytes} bytes; at most ` +
        `${limits.archiveMembersMax} and ${limits.archiveDirectoryBytesMax} are allowed`, directory.at)
    }
    cursor.moveTo(directory.at)
    const bytes = await cursor.bytes(directory.sizeBytes)
    for (const name of memberNames(cursor, bytes, directory)) {
      const kind = name.endsWith(KERAS_WEIGHTS) ? 'Keras archive' : unsafeEnding(name)
      if (kind !== null) throw unsafe(path, `is an archive with a ${kind} file, ${JSON.stringify(name.slice(0, 160))}`)
    }
  })
}

async function findDirectory (cursor: FileCursor): Promise<Directory> {
  const from = Math.max(0, cursor.sizeBytes - END_BYTES - COMMENT_BYTES_MAX)
  cursor.moveTo(from)
  const tail = await cursor.bytes(cursor.sizeBytes - from)
  const at = tail.lastIndexOf(END)
  if (at < 0 || at + END_BYTES > tail.length) throw cursor.fault('it has no directory')
  const end = from + at
  const entries = tail.readUInt16LE(at + 10)
  const sizeBytes = tail.readUInt32LE(at + 12)
  const isLarge = entries === 0xffff || sizeBytes === 0xffff_ffff || tail.readUInt32LE(at + 16) === 0xffff_ffff
  const directory = isLarge && end >= LOCATOR_BYTES
    ? await largeDirectory(cursor, end - LOCATOR_BYTES) ?? { at: end - sizeBytes, sizeBytes, entries }
    : { at: end - sizeBytes, sizeBytes, entries }
  if (directory.at < 0 || directory.at + directory.sizeBytes > end) throw cursor.fault('its directory is not within the file', end)
  return directory
}

/** Zip64: a second end, found through the record before the first one; null when there is none. */
async function largeDirectory (cursor: FileCursor, locatorAt: number): Promise<Directory | null> {
  cursor.moveTo(locatorAt)
  const locator = await cursor.bytes(LOCATOR_BYTES)
  if (!locator.subarray(0, 4).equals(LOCATOR)) return null
  const at = Number(locator.readBigUInt64LE(8))
  if (at > locatorAt - END_64_BYTES) throw cursor.fault('its directory is not within the file', locatorAt)
  cursor.moveTo(at)
  const end = await cursor.bytes(END_64_BYTES)
  const sizeBytes = Number(end.readBigUInt64LE(40))
  return { at: at - sizeBytes, sizeBytes, entries: Number(end.readBigUInt64LE(32)) }
}

function * memberNames (cursor: FileCursor, bytes: Buffer, { at, entries }: Directory): Generator<string> {
  let offset = 0
  for (let index = 0; index < entries; index++) {
    const isWhole = offset + ENTRY_BYTES <= bytes.length && bytes.subarray(offset, offset + 4).equals(ENTRY)
    if (!isWhole) throw cursor.fault(`member ${index} of its directory cannot be read`, at + offset)
    const nameBytes = bytes.readUInt16LE(offset + 28)
    const next = offset + ENTRY_BYTES + nameBytes + bytes.readUInt16LE(offset + 30) + bytes.readUInt16LE(offset + 32)
    if (next > bytes.length) throw cursor.fault(`member ${index} of its directory cannot be read`, at + offset)
    yield bytes.toString('utf8', offset + ENTRY_BYTES, offset + ENTRY_BYTES + nameBytes)
    offset = next
  }
  if (offset !== bytes.length) throw cursor.fault('its directory has more than the members it counts', at + offset)
}
