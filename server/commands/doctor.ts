import { constants } from 'node:fs'
import { access, mkdir, statfs } from 'node:fs/promises'
import { createServer } from 'node:net'
import type { Command } from 'commander'
import { GatewayError } from '../errors.js'

export interface DoctorContext {
  readonly options: () => { readonly dataDir: string, readonly server: string }
  readonly print: (json: unknown, text: () => string) => void
}

interface Check { readonly name: string, readonly ok: boolean, readonly detail: string }

const NODE_MIN = [20, 19] as const
const DISK_MIN_BYTES = 1_073_741_824

/** `gauntlet doctor`: says whether this machine and data folder can serve, and what is wrong where they cannot. */
export function addDoctorCommand (program: Command, { options, print }: DoctorContext): void {
  program.command('doctor')
    .description('check this machine, the native libraries and the data folder')
    .action(async () => {
      const { dataDir, server } = options()
      const probes: [string, () => Promise<string>][] = [
        ['node', node], ['onnxruntime', onnxruntime], ['sqlite', sqlite], ['data folder', () => folder(dataDir)],
        ['disk', () => disk(dataDir)], ['registry', () => registry(dataDir)], ['socket', socket], ['gateway', () => gateway(server)]
      ]
      const checks: Check[] = []
      for (const [name, probe] of probes) checks.push(await check(name, probe))
      print({ ok: checks.every(({ ok }) => ok), checks }, () => checks.map(({ name, ok, detail }) => `${ok ? 'ok  ' : 'FAIL'} ${name.padEnd(12)} ${detail}`).join('\n'))
      const failed = checks.filter(({ ok }) => !ok)
      if (failed.length > 0) throw new GatewayError('BAD_REQUEST', `${failed.length} of ${checks.length} checks failed`)
    })
}

async function check (name: string, probe: () => Promise<string>): Promise<Check> {
  try {
    return { name, ok: true, detail: await probe() }
  } catch (error) {
    return { name, ok: false, detail: (error as Error).message }
  }
}

async function node (): Promise<string> {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  if (major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])) {
    throw new Error(`${process.version}, expected ${NODE_MIN.join('.')} or later`)
  }
  return process.version
}

async function onnxruntime (): Promise<string> {
  const { listSupportedBackends } = await import('onnxruntime-node')
  return listSupportedBackends().map(({ name }) => name).join(', ')
}

async function sqlite (): Promise<string> {
  const { default: Database } = await import('better-sqlite3')
  const db = new Database(':memory:')
  const { version } = db.prepare('SELECT sqlite_version() AS version').get() as { version: string }
  db.close()
  return version
}

async function folder (dataDir: string): Promise<string> {
  await mkdir(dataDir, { recursive: true })
  await access(dataDir, constants.R_OK | constants.W_OK)
  return dataDir
}

async function disk (dataDir: string): Promise<string> {
  const { bavail, bsize } = await statfs(dataDir)
  const free = bavail * bsize
  const text = `${(free / 1_073_741_824).toFixed(1)} GiB free`
  if (free < DISK_MIN_BYTES) throw new Error(`${text}, expected at least 1 GiB`)
  return text
}

async function registry (dataDir: string): Promise<string> {
  const { Registry } = await import('../../registry/registry.js')
  const opened = Registry.open({ dataDir, now: Date.now })
  try {
    const versions = [...opened.models(), ...opened.datasets()]
      .flatMap(({ name, versions }) => versions.map(({ version }) => ({ name, version })))
    for (const { name, version } of versions) {
      const { ok, blobs } = await opened.verify(name, version)
      if (!ok) throw new Error(`${name}:${version}: ${blobs.find((blob) => !blob.ok)?.problem ?? 'does not verify'}`)
    }
    return `${versions.length} versions verified`
  } finally {
    opened.close()
  }
}

async function socket (): Promise<string> {
  const server = createServer()
  await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(0, '127.0.0.1', resolve) })
  await new Promise((resolve) => { server.close(resolve) })
  return 'loopback can be bound'
}

async function gateway (server: string): Promise<string> {
  const response = await fetch(new URL('/readyz', server)).catch(() => null)
  return response === null ? `none answers at ${server}` : `${server} is ${response.status === 200 ? 'ready' : 'not ready'}`
}
