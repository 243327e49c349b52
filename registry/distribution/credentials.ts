import { execFile } from 'node:child_process'
import { randomUUID } from 'node:crypto'
import { chmod, mkdir, readFile, rename, rm, writeFile } from 'node:fs/promises'
import { homedir } from 'node:os'
import { dirname, join } from 'node:path'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'

const FILE_BYTES_MAX = 1024 ** 2
const HOSTS_MAX = 1_000
const HELPER = /^[A-Za-z0-9_-]{1,64}$/
const HELPER_TIMEOUT_MS = 15_000

export interface Credentials { readonly username: string, readonly password: string }

type Environment = Readonly<Record<string, string | undefined>>
type Hosts = Record<string, Credentials>

/**
 * Who somebody is to which registry: a file only its owner may read, in the user's configuration folder, and behind it
 * what Docker and its helpers know.
 */
export class CredentialStore {
  readonly path: string
  readonly #environment: Environment

  constructor (environment: Environment = process.env) {
    this.#environment = environment
    this.path = join(environment['XDG_CONFIG_HOME'] ?? join(homeOf(environment), '.config'), 'gauntlet', 'credentials.json')
  }

  /** @throws RegistryError CREDENTIALS_INVALID for a file that is not as it was written */
  async find (host: string): Promise<Credentials | null> {
    const own = Object.entries(await this.#read()).find(([known]) => known === host)?.[1]
    return own ?? await this.#ofDocker(host)
  }

  async set (host: string, credentials: Credentials): Promise<void> {
    const hosts = await this.#read()
    if (Object.keys(hosts).length >= HOSTS_MAX && !Object.hasOwn(hosts, host)) {
      throw new RegistryError('CREDENTIALS_INVALID', `${quote(this.path)} holds ${HOSTS_MAX} hosts already; log out of some`)
    }
    await this.#write({ ...hosts, [host]: credentials })
  }

  /** False when there was nothing to forget. */
  async forget (host: string): Promise<boolean> {
    const hosts = await this.#read()
    if (!Object.hasOwn(hosts, host)) return false
    await this.#write(Object.fromEntries(Object.entries(hosts).filter(([known]) => known !== host)))
    return true
  }

  async #read (): Promise<Hosts> {
    const document = await readJson(this.path)
    if (document === null) return {}
    const { hosts } = document as { hosts?: unknown }
    if (isRecord(hosts) && Object.values(hosts).every(isCredentials)) return hosts as Hosts
    throw new RegistryError('CREDENTIALS_INVALID', `${quote(this.path)} must map hosts to username and password; remove it and log in again`)
  }

  async #write (hosts: Hosts): Promise<void> {
    await mkdir(dirname(this.path), { recursive: true, mode: 0o700 })
    const fresh = `${this.path}.${randomUUID()}`
    try {
      await writeFile(fresh, `${JSON.stringify({ schemaVersion: 1, hosts }, null, 2)}\n`, { mode: 0o600, flag: 'wx', flush: true })
      await chmod(fresh, 0o600)
      await rename(fresh, this.path)
    } finally {
      await rm(fresh, { force: true })
    }
  }

  /** `auths`, `credHelpers` and `credsStore` of Docker's configuration; a registry it does not know is unknown. */
  async #ofDocker (host: string): Promise<Credentials | null> {
    const folder = this.#environment['DOCKER_CONFIG'] ?? join(homeOf(this.#environment), '.docker')
    const document = await readJson(join(folder, 'config.json'))
    if (!isRecord(document)) return null
    const { auths, credHelpers, credsStore } = document
    const helper = isRecord(credHelpers) ? credHelpers[host] ?? credsStore : credsStore
    if (typeof helper === 'string' && HELPER.test(helper)) {
      const told = await askHelper(helper, host)
      if (told !== null) return told
    }
    const entry = isRecord(auths) ? auths[host] ?? auths[`https://${host}`] ?? auths[`https://${host}/v1/`] : null
    return isRecord(entry) && typeof entry['auth'] === 'string' ? decode(entry['auth']) : null
  }
}

function homeOf (environment: Environment): string {
  return environment['HOME'] ?? homedir()
}

function decode (auth: string): Credentials | null {
  const text = Buffer.from(auth, 'base64').toString()
  const colon = text.indexOf(':')
  return colon < 1 ? null : { username: text.slice(0, colon), password: text.slice(colon + 1).replace(/\0+$/, '') }
}

/** The protocol of `docker-credential-*` programs: the host on standard input, JSON on standard output. */
async function askHelper (helper: string, host: string): Promise<Credentials | null> {
  return await new Promise((resolve) => {
    const child = execFile(`docker-credential-${helper}`, ['get'], { timeout: HELPER_TIMEOUT_MS, maxBuffer: FILE_BYTES_MAX }, (error, stdout) => {
      const told = error === null ? parse(stdout) : null
      const { Username: username, Secret: password } = isRecord(told) ? told : {}
      const credentials = { username, password }
      resolve(isCredentials(credentials) && credentials.username !== '<token>' ? credentials : null)
    })
    child.stdin?.on('error', () => {}) // a helper that is absent or ended reads nothing
    child.stdin?.end(host)
  })
}

/** Null for a file that is not there. */
async function readJson (path: string): Promise<unknown> {
  let text: string
  try {
    text = await readFile(path, 'utf8')
  } catch (error) {
    if (['ENOENT', 'ENOTDIR'].includes((error as NodeJS.ErrnoException).code ?? '')) return null
    throw new RegistryError('CREDENTIALS_INVALID', `cannot read ${quote(path)}: ${(error as Error).message}`, { cause: error })
  }
  const document = text.length <= FILE_BYTES_MAX ? parse(text) : undefined
  if (document !== undefined) return document
  throw new RegistryError('CREDENTIALS_INVALID', `${quote(path)} must be JSON of at most ${FILE_BYTES_MAX} bytes`)
}

function parse (text: string): unknown {
  try {
    return JSON.parse(text) as unknown
  } catch {
    return undefined
  }
}

function isRecord (value: unknown): value is Record<string, unknown> {
  return typeof value === 'object' && value !== null && !Array.isArray(value)
}

function isCredentials (value: unknown): value is Credentials {
  return isRecord(value) && typeof value['username'] === 'string' && typeof value['password'] === 'string'
}
