import { execFile, spawn, spawnSync } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, writeFileSync } from 'node:fs'
import { createServer } from 'node:net'
import type { AddressInfo } from 'node:net'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { onTestFinished } from 'vitest'
import { temporaryFolder } from './registry-fixtures.js'
import { eventually } from './wait.js'

/** Whether the programs of others that the tests of peers run are installed. */
export const HAS_PEERS = ['skopeo', 'docker-registry'].every((program) => spawnSync(program, ['--version']).error === undefined)

/** Runs skopeo to its end. @throws Error with what it said */
export async function skopeo (...args: readonly string[]): Promise<string> {
  const { stdout } = await promisify(execFile)('skopeo', ['--insecure-policy', ...args], { timeout: 30_000 })
  return stdout
}

/** A fresh docker-registry on this machine; with `htpasswd` (lines of `name:bcrypt`) only for whoever is named there. */
export async function startDockerRegistry (htpasswd?: string): Promise<{ host: string, folder: string }> {
  const folder = temporaryFolder()
  const host = `127.0.0.1:${await freePort()}`
  const passwords = join(folder, 'htpasswd')
  if (htpasswd !== undefined) writeFileSync(passwords, htpasswd)
  mkdirSync(join(folder, 'data'))
  const configuration = join(folder, 'config.yml')
  writeFileSync(configuration, JSON.stringify({
    version: 0.1,
    log: { level: 'error', accesslog: { disabled: true } },
    storage: { filesystem: { rootdirectory: join(folder, 'data') } },
    http: { addr: host },
    ...htpasswd === undefined ? {} : { auth: { htpasswd: { realm: 'test', path: passwords } } }
  }))
  const child = spawn('docker-registry', ['serve', configuration], { stdio: 'ignore' })
  const exited = once(child, 'exit')
  onTestFinished(async () => {
    child.kill('SIGKILL')
    await exited
  })
  await eventually('docker-registry', async () => await fetch(`http://${host}/v2/`).then(() => true, () => false))
  return { host, folder }
}

/** A port nobody listens on now: docker-registry does not say which one it took. */
async function freePort (): Promise<number> {
  const server = createServer().listen(0, '127.0.0.1')
  await once(server, 'listening')
  const { port } = server.address() as AddressInfo
  server.close()
  await once(server, 'close')
  return port
}
