import { createServer } from 'node:net'
import { loadConfig } from '../config.js'
import { parseWebhookTargets } from '../webhooks/targets.js'
import { broken, fine, odd, type Probe } from './check.js'

const NODE_MIN = [20, 19] as const
const ANSWER_TIMEOUT_MS = 3_000

/** What the gateway needs of the machine, whatever is published. */
export function machineProbes (env: NodeJS.ProcessEnv, server: string): Probe[] {
  return [
    { name: 'node', look: node },
    { name: 'onnxruntime', look: onnxruntime },
    { name: 'sqlite', look: sqlite },
    { name: 'configuration', look: () => configuration(env) },
    { name: 'port', look: async () => await port(env) },
    { name: 'gateway', look: async () => await gateway(server) }
  ]
}

function node () {
  const [major = 0, minor = 0] = process.versions.node.split('.').map(Number)
  const isOld = major < NODE_MIN[0] || (major === NODE_MIN[0] && minor < NODE_MIN[1])
  const least = NODE_MIN.join('.')
  return isOld ? broken(process.version, `install node ${least} or later`) : fine(process.version)
}

async function onnxruntime () {
  try {
    const { listSupportedBackends } = await import('onnxruntime-node')
    return fine(listSupportedBackends().map(({ name }) => name).join(', '))
  } catch (error) {
    return broken((error as Error).message, 'install the dependencies again for this platform: npm ci')
  }
}

async function sqlite () {
  try {
    const { default: Database } = await import('better-sqlite3')
    const db = new Database(':memory:')
    const { version } = db.prepare('SELECT sqlite_version() AS version').get() as { version: string }
    db.close()
    return fine(version)
  } catch (error) {
    return broken((error as Error).message, 'build it for this node: npm rebuild better-sqlite3')
  }
}

function configuration (env: NodeJS.ProcessEnv) {
  try {
    parseWebhookTargets(loadConfig(env).webhookUrls, env)
    return fine('every GAUNTLET_ variable is within its bounds')
  } catch (error) {
    return broken((error as Error).message, 'set these variables as docs/configuration.md says')
  }
}

/** Whether `serve` could listen, or does already. */
async function port (env: NodeJS.ProcessEnv) {
  const { host, port: wanted } = loadConfig(env)
  const fault = await bindFault(host, wanted)
  if (fault === null) return fine(`${host}:${wanted} is free`)
  if (fault.code !== 'EADDRINUSE') {
    return broken(`${host}:${wanted} cannot be listened on: ${fault.message}`, 'choose another --host or --port for serve')
  }
  const base = `http://${host.includes(':') ? `[${host}]` : host}:${wanted}`
  const isGateway = (await statusOf(base)) !== null
  return isGateway
    ? fine(`${host}:${wanted} is in use, by a gateway`)
    : odd(`${host}:${wanted} is in use by another program`, 'choose another --port for serve')
}

async function bindFault (host: string, port: number): Promise<NodeJS.ErrnoException | null> {
  const server = createServer()
  try {
    await new Promise<void>((resolve, reject) => { server.once('error', reject).listen(port, host, resolve) })
  } catch (error) {
    return error as NodeJS.ErrnoException
  }
  await new Promise((resolve) => { server.close(resolve) })
  return null
}

async function gateway (server: string) {
  const status = await statusOf(server)
  if (status === null) return fine(`none answers at ${server}`)
  return status === 200 ? fine(`${server} is ready`) : odd(`${server} is not ready`, 'GET /readyz says what it waits for')
}

/** What a gateway says of its readiness; null when there is none. */
async function statusOf (server: string): Promise<number | null> {
  try {
    const { status } = await fetch(new URL('/readyz', server), { signal: AbortSignal.timeout(ANSWER_TIMEOUT_MS) })
    return status === 200 || status === 503 ? status : null
  } catch {
    return null
  }
}
