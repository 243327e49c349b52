import { type ChildProcess, spawn } from 'node:child_process'
import { once } from 'node:events'
import { createRequire } from 'node:module'
import { fileURLToPath, pathToFileURL } from 'node:url'

/** A process of ours that listens. */
export interface Listening { readonly child: ChildProcess, readonly url: string, readonly port: number }

const SOURCE = new URL('../../server/main.ts', import.meta.url)
const STOP_WITHIN_MS = 10_000

/** Starts a script, compiled or not, in a process group of its own and waits for the address it prints. */
export async function startScript (
  entry: URL, args: readonly string[],
  { env = {}, preload }: { env?: Readonly<Record<string, string>>, preload?: URL } = {}
): Promise<Listening> {
  const before = preload === undefined ? [] : ['--import', preload.href]
  const child = spawn(process.execPath, [...loaderArguments(entry), ...before, fileURLToPath(entry), ...args], {
    stdio: ['ignore', 'pipe', 'inherit'], detached: true, env: { ...process.env, ...env }
  })
  const url = await new Promise<string>((resolve, reject) => {
    child.once('exit', (code) => { reject(new Error(`${entry.pathname} ended with code ${code}`)) })
    child.stdout!.setEncoding('utf8').on('data', (text: string) => {
      const listening = text.match(/http:\/\/\S+/)
      if (listening !== null) resolve(listening[0])
    })
  })
  return { child, url, port: Number(new URL(url).port) }
}

/** Starts `gauntlet serve`, from source if not from `main`, on a free port and waits until every champion is warm. */
export async function startGateway (dataDir: string, main = SOURCE): Promise<Listening> {
  const gateway = await startScript(main, ['serve', '--port', '0', '--log-level', 'warn', '--data-dir', dataDir])
  while (!(await fetch(`${gateway.url}/readyz`)).ok) await new Promise((resolve) => { setTimeout(resolve, 50) })
  return gateway
}

/** Asks a process to end, and ends it when it does not. */
export async function stop ({ child }: Listening): Promise<void> {
  if (child.exitCode !== null || child.signalCode !== null) return
  const ended = once(child, 'exit')
  child.kill('SIGTERM')
  const force = setTimeout(() => { child.kill('SIGKILL') }, STOP_WITHIN_MS)
  await ended
  clearTimeout(force)
}

function loaderArguments (entry: URL): string[] {
  if (!entry.pathname.endsWith('.ts')) return []
  return ['--import', pathToFileURL(createRequire(import.meta.url).resolve('tsx')).href]
}
