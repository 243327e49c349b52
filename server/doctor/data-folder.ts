import { existsSync, statfsSync } from 'node:fs'
import { open, rm } from 'node:fs/promises'
import { dirname, join, resolve } from 'node:path'
import { Catalogue } from '../../registry/catalogue.js'
import { lockHolders } from '../../registry/lock-holders.js'
import type { Registry } from '../../registry/registry.js'
import { cacheBytesMax } from '../config.js'
import { broken, fine, odd, type Probe } from './check.js'

const GIB = 1024 ** 3
/** Less cannot take a model; a little more should be seen to. */
const FREE_BYTES = { fail: GIB / 4, warn: GIB } as const
const INODES_FREE_MIN = 1_000
/** Before this no release existed. */
const EARLIEST_MS = Date.UTC(2025, 0, 1)
const CLOCK_SKEW_MAX_MS = 5 * 60_000
const FINDINGS_SHOWN_MAX = 3

interface Place {
  readonly dataDir: string
  readonly env: NodeJS.ProcessEnv
  /** Whether blobs are read. */
  readonly isDeep: boolean
  readonly now: () => number
}

/** What is to be looked at in a data folder. Nothing is changed there but one file that is written and removed. */
export function dataFolderProbes (place: Place): Probe[] {
  const { dataDir } = place
  const isThere = existsSync(join(dataDir, 'gauntlet.db'))
  const probes: Probe[] = [
    { name: 'data folder', look: async () => await folder(dataDir) },
    { name: 'disk', look: () => disk(dataDir) },
    { name: 'locks', look: () => locks(dataDir) },
    { name: 'database', look: () => database(dataDir) }
  ]
  if (!isThere || Catalogue.stateOf(dataDir) !== 'current') return probes
  const withRegistry = (look: (registry: Registry) => Promise<ReturnType<typeof fine>> | ReturnType<typeof fine>) =>
    async () => await opened(place, look)
  return [
    ...probes,
    { name: 'registry', look: withRegistry(async (registry) => await contents(registry, place.isDeep)) },
    { name: 'cache', look: withRegistry(async (registry) => await cache(registry, place.env)) },
    { name: 'trust', look: withRegistry(trust) },
    { name: 'clock', look: withRegistry((registry) => clock(registry, place.now())) }
  ]
}

async function opened<Result> (
  { dataDir, now }: Place, look: (registry: Registry) => Promise<Result> | Result
): Promise<Result> {
  const { Registry } = await import('../../registry/registry.js')
  const registry = Registry.open({ dataDir, now, heal: false })
  try {
    return await look(registry)
  } finally {
    registry.close()
  }
}

/** Writes as the registry would: a file, its bytes on the disk. */
async function folder (dataDir: string) {
  const existing = nearestFolder(dataDir)
  const file = join(existing, `.gauntlet-doctor-${process.pid}`)
  const startedAt = performance.now()
  try {
    const handle = await open(file, 'wx')
    try {
      await handle.writeFile('x')
      await handle.sync()
    } finally {
      await handle.close()
    }
  } catch (error) {
    return broken(`${existing} cannot be written to: ${(error as Error).message}`, 'give this user the right to write there, or choose another --data-dir')
  } finally {
    await rm(file, { force: true }).catch(() => {})
  }
  const tookMs = Math.round(performance.now() - startedAt)
  return existing === resolve(dataDir)
    ? fine(`${existing}, a file is on the disk in ${tookMs} ms`)
    : fine(`${resolve(dataDir)} is not there yet and can be made`)
}

function disk (dataDir: string) {
  const { bavail, bsize, files, ffree } = statfsSync(nearestFolder(dataDir))
  const free = bavail * bsize
  const text = `${(free / GIB).toFixed(1)} GiB free`
  if (free < FREE_BYTES.fail) return broken(text, 'free some: gauntlet gc --cache')
  if (files > 0 && ffree < INODES_FREE_MIN) return broken(`${text}, room for ${ffree} files`, 'remove files from this disk')
  return free < FREE_BYTES.warn ? odd(text, 'free some: gauntlet gc --cache') : fine(text)
}

function locks (dataDir: string) {
  const holders = lockHolders(dataDir).filter(({ pids, isHeld }) => isHeld || pids.length > 0)
  if (holders.length === 0) return fine('nobody holds one')
  const text = holders.map(({ name, pids }) => `${name} by ${pids.length === 0 ? 'some process' : pids.join(', ')}`).join('; ')
  return holders.some(({ isHeld }) => isHeld)
    ? odd(`held: ${text}`, 'wait for these processes; a lock goes with the process that has it')
    : fine(`held: ${text}`)
}

function database (dataDir: string) {
  switch (Catalogue.stateOf(dataDir)) {
    case 'none': return fine('none yet; publishing makes it')
    case 'current': return fine('of this release')
    case 'older': return odd('of an older release', 'the next command brings it up to date; copy gauntlet.db before, to be able to go back')
    case 'newer': return broken('of a newer release', 'use that release, or the copy of gauntlet.db from before')
    case 'unreadable': return broken('cannot be read as a database',
      'restore gauntlet.db from a copy, or move it away and run: gauntlet reindex')
  }
}

/** Rows, manifests, sizes of blobs and index.json; with `isDeep` the bytes of every blob. */
async function contents (registry: Registry, isDeep: boolean) {
  const { findings, blobs, bytes } = await registry.fsck({ isShallow: !isDeep })
  const how = isDeep ? 'read and hashed' : 'there, of the stated size; --deep reads them'
  if (findings.length === 0) return fine(`${blobs} blobs, ${bytes} bytes, ${how}`)
  const shown = findings.slice(0, FINDINGS_SHOWN_MAX).map(({ subject, problem }) => `${subject} ${problem}`)
  const more = findings.length > shown.length ? [`and ${findings.length - shown.length} more`] : []
  const isHarmless = findings.every(({ kind }) => kind === 'index-stale' || kind === 'temporary-abandoned')
  const text = [...shown, ...more].join('; ')
  return isHarmless ? odd(text, 'gauntlet fsck --repair mends it') : broken(text, 'gauntlet fsck tells all of it')
}

async function cache (registry: Registry, env: NodeJS.ProcessEnv) {
  const bytesMax = cacheBytesMax(env)
  const { evicted, kept } = await registry.evict(bytesMax, true)
  const tooMuch = evicted.reduce((sum, { sizeBytes }) => sum + sizeBytes, 0)
  const text = `${kept.copies + evicted.length} copies, ${kept.bytes + tooMuch} of ${bytesMax} bytes`
  return tooMuch === 0 ? fine(text) : odd(text, 'the next load makes room; gauntlet gc --cache does now')
}

function trust (registry: Registry) {
  const { policy, keys } = registry.signing.trust.read()
  const trusted = keys.filter(({ status }) => status === 'trusted').length
  const text = `policy ${policy}, trusted keys: ${trusted}`
  return policy === 'require' && trusted === 0
    ? odd(text, 'nothing can be loaded: gauntlet keys trust FILE --name NAME')
    : fine(text)
}

/** A clock that was set back makes new entries older than old ones. */
function clock (registry: Registry, now: number) {
  const text = new Date(now).toISOString()
  if (now < EARLIEST_MS) return broken(text, 'set the clock')
  const times = registry.models().flatMap(({ versions }) => versions.map(({ createdAt }) => createdAt))
  const newest = times.reduce((latest, at) => Math.max(latest, at), 0)
  const ahead = newest - now
  return ahead > CLOCK_SKEW_MAX_MS
    ? odd(`${text}, but a version was published ${Math.round(ahead / 60_000)} minutes later`, 'set the clock')
    : fine(text)
}

/** The folder, or the one around it that is there. */
function nearestFolder (path: string): string {
  const absolute = resolve(path)
  return existsSync(absolute) || dirname(absolute) === absolute ? absolute : nearestFolder(dirname(absolute))
}
