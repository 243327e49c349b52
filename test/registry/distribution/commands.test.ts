import { existsSync, readFileSync } from 'node:fs'
import { join } from 'node:path'
import { Readable } from 'node:stream'
import { afterEach, beforeEach, describe, expect, it, vi } from 'vitest'
import { gauntlet } from '../../support/command.js'
import { fakeInspect, folderOf, modelBytes, openRegistry, temporaryFolder } from '../../support/registry-fixtures.js'
import { RemoteRegistry, USER } from '../../support/remote-registry.js'

/** Runs a command with this standard input. */
async function withInput (input: string, ...args: string[]): ReturnType<typeof gauntlet> {
  const spy = vi.spyOn(process, 'stdin', 'get').mockReturnValue(Readable.from([input], { objectMode: false }) as typeof process.stdin)
  try {
    return await gauntlet(...args)
  } finally {
    spy.mockRestore()
  }
}

/** A data folder with m:1.0+a, champion. */
async function published (): Promise<{ dataDir: string, digest: string }> {
  const { registry, dataDir } = openRegistry()
  const { detail } = await registry.publish({
    path: folderOf({ 'model.onnx': modelBytes('1') }), name: 'm', version: '1.0+a', alias: 'champion', actor: 'ann'
  }, fakeInspect)
  return { dataDir, digest: detail.digest }
}

describe('the commands that speak to other registries', () => {
  let config = ''
  beforeEach(() => {
    config = temporaryFolder()
    vi.stubEnv('XDG_CONFIG_HOME', config)
    vi.stubEnv('DOCKER_CONFIG', config)
  })
  afterEach(() => { vi.unstubAllEnvs() })

  it('log in with credentials that the registry accepts, push, pull, and log out', async () => {
    const { dataDir, digest } = await published()
    const remote = await RemoteRegistry.start({ auth: 'token' })
    const target = `${remote.host}/team/m`
    const file = join(config, 'gauntlet', 'credentials.json')

    expect(await gauntlet('--data-dir', dataDir, 'push', 'm', target)).toMatchObject({ code: 5, out: '', talk: expect.stringContaining(`gauntlet login ${remote.host}`) })
    expect(await withInput('wrong\n', 'login', remote.host, '--username', USER.username, '--password-stdin')).toMatchObject({ code: 5 })
    expect(existsSync(file)).toBe(false)
    const login = await withInput(`${USER.password}\n`, 'login', remote.host, '--username', USER.username, '--password-stdin')
    expect(login).toMatchObject({ code: 0, out: `logged in to ${remote.host} as ann\n` })
    expect(login.out + login.talk).not.toContain(USER.password)
    expect(JSON.parse(readFileSync(file, 'utf8')).hosts).toEqual({ [remote.host]: USER })

    const pushed = await gauntlet('--json', '--data-dir', dataDir, 'push', 'm', target, '--aliases', '--tag', 'latest')
    expect(JSON.parse(pushed.out)).toMatchObject({ status: 'pushed', digest, tags: ['1.0_a', 'latest', 'champion'], repository: 'team/m', sent: { blobs: 3 } })
    const other = temporaryFolder()
    const pulled = await gauntlet('--json', '--data-dir', other, 'pull', `${target}:champion`)
    expect(JSON.parse(pulled.out)).toMatchObject({ status: 'published', name: 'm', version: '1.0+a', digest, converted: false })
    const renamed = await gauntlet('--json', '--data-dir', other, 'pull', `oci://${target}@${digest}`, '--name', 'n', '--version', '2', '--alias', 'stable')
    expect(JSON.parse(renamed.out)).toMatchObject({ status: 'published', name: 'n', version: '2', digest, aliases: ['stable'] })

    expect(await gauntlet('logout', remote.host)).toMatchObject({ code: 0, out: `logged out of ${remote.host}\n` })
    expect(await gauntlet('logout', remote.host)).toMatchObject({ code: 0, out: `nobody is logged in to ${remote.host}\n` })
  })

  it('say what a dry run would do, and change nothing', async () => {
    const { dataDir } = await published()
    const remote = await RemoteRegistry.start()
    const other = temporaryFolder()

    expect(await gauntlet('--data-dir', dataDir, 'push', 'm:1.0+a', `${remote.host}/x/`, '--dry-run')).toMatchObject({ code: 0, out: expect.stringContaining(`would be pushed: ${remote.host}/x/m:1.0_a`) })
    expect(remote.manifests.size).toBe(0)
    await gauntlet('--data-dir', dataDir, 'push', 'm', `${remote.host}/x/`)
    expect(await gauntlet('--data-dir', other, 'pull', `${remote.host}/x/m:1.0_a`, '--dry-run')).toMatchObject({ code: 0, out: expect.stringContaining('would be pulled: m:1.0+a') })
    expect((await gauntlet('--data-dir', other, 'models')).out).toBe('no models yet; publish one\n')
    expect(await gauntlet('--data-dir', dataDir, 'push', 'm', `${remote.host}/x/`, '--quiet')).toEqual({ code: 0, out: '', talk: '' })
  })

  it('pull what a tag named when it was asked for, wherever it moves meanwhile', async () => {
    const { dataDir, digest } = await published()
    const remote = await RemoteRegistry.start({
      fault: ({ method, url }) => {
        const bytes = Buffer.from('{"moved":true}')
        if (method === 'GET' && url.includes('/blobs/')) remote.manifests.set('x/m:1.0_a', { bytes, mediaType: 'application/vnd.oci.image.manifest.v1+json' })
        return false
      }
    })
    await gauntlet('--data-dir', dataDir, 'push', 'm', `${remote.host}/x/m`)

    const pulled = await gauntlet('--json', '--data-dir', temporaryFolder(), 'pull', `${remote.host}/x/m:1.0_a`)

    expect(JSON.parse(pulled.out)).toMatchObject({ status: 'published', digest })
    expect(remote.manifests.get('x/m:1.0_a')!.bytes.toString()).toContain('moved')
  })

  it('take the place for all models from the environment', async () => {
    const { dataDir } = await published()
    const remote = await RemoteRegistry.start()
    expect(await gauntlet('--data-dir', dataDir, 'push', 'm')).toMatchObject({ code: 4, talk: expect.stringContaining('GAUNTLET_REMOTE') })

    vi.stubEnv('GAUNTLET_REMOTE', `${remote.host}/all`)

    expect((await gauntlet('--data-dir', dataDir, 'push', 'm')).code).toBe(0)
    expect(remote.manifests.has('all/m:1.0_a')).toBe(true)
  })

  it('end with codes that tell what is wrong', async () => {
    const { dataDir } = await published()
    const remote = await RemoteRegistry.start()
    const run = async (...args: string[]): Promise<number> => (await gauntlet('--data-dir', dataDir, ...args)).code

    expect(await run('pull', `${remote.host}/nobody:1`)).toBe(3)
    expect(await run('push', 'm', 'no-host')).toBe(4)
    expect(await run('push', 'm:2', `${remote.host}/m`)).toBe(3)
    expect(await run('push', 'm', '127.0.0.1:1/m', '--retries', '0')).toBe(8)
    expect(await run('push', 'm', `${remote.host}/m`, '--chunk-size', '0')).toBe(2)
    expect(await run('pull', `${remote.host}/m:1`, '--ca-file', '/nonexistent')).toBe(3)
    expect(await run('login', 'not a host', '--username', 'ann', '--password-stdin')).toBe(4)
  })
})
