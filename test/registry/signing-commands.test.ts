import { existsSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { describe, expect, it, onTestFinished } from 'vitest'
import { addRegistryCommands } from '../../registry/commands.js'
import { Registry } from '../../registry/registry.js'
import { FAKE_MODELS, folderOf, modelBytes, START_MS, temporaryFolder } from '../support/registry-fixtures.js'

/** The commands as a program runs them, with a folder for keys. */
function commandLine () {
  const dataDir = temporaryFolder()
  const folder = temporaryFolder()
  const warnings: string[] = []
  const runQuietly = async (...words: string[]): Promise<Array<{ json: Record<string, unknown>, text: string }>> => {
    const printed: Array<{ json: Record<string, unknown>, text: string }> = []
    const program = new Command().exitOverride().configureOutput({ writeErr: () => {} }).option('--data-dir <path>', '', dataDir)
    addRegistryCommands(program, {
      open: async () => Registry.open({ dataDir, now: () => START_MS }),
      ...FAKE_MODELS,
      actor: () => 'ann',
      print: (json, text) => printed.push({ json: json as Record<string, unknown>, text: text() }),
      warn: (line) => warnings.push(line)
    })
    try {
      await program.parseAsync(words, { from: 'user' })
    } catch (error) {
      throw Object.assign(error as Error, { printed })
    }
    return printed
  }
  const run = async (...words: string[]): Promise<{ json: Record<string, unknown>, text: string }> => {
    const printed = await runQuietly(...words)
    expect(printed).toHaveLength(1)
    return printed[0]!
  }
  const publish = (version: string, ...words: string[]) =>
    run('publish', folderOf({ 'model.onnx': modelBytes(version) }), '--name', 'm', '--version', version, ...words)
  return { run, runQuietly, publish, folder, key: join(folder, 'build.pem'), warnings, dataDir }
}

/** Sets a variable of the environment for one test. */
function setVariable (name: string, value: string): void {
  process.env[name] = value
  onTestFinished(() => { delete process.env[name] })
}

describe('gauntlet keys', () => {
  it('makes, names, trusts, lists and revokes a key', async () => {
    const { run, key } = commandLine()
    expect(await run('keys', 'list')).toEqual({ json: { policy: 'off', keys: [] }, text: 'policy off\nno keys yet; trust one' })

    const made = await run('keys', 'generate', key, '--curve', 'P-384')
    const { fingerprint } = made.json
    expect(made.json).toEqual({ fingerprint, curve: 'P-384', privateKey: key, publicKey: `${key}.pub` })
    expect(statSync(key).mode & 0o777).toBe(0o600)
    expect((await run('keys', 'fingerprint', `${key}.pub`)).text).toBe(fingerprint)
    expect((await run('keys', 'trust', `${key}.pub`, '--name', 'build')).text).toBe(`trusted build (${fingerprint})`)
    expect((await run('keys', 'list')).text.split('\n')).toEqual([
      'policy off',
      'NAME   STATUS   CURVE  SINCE                     FINGERPRINT',
      `build  trusted  P-384  2023-11-14T22:13:20.000Z  ${fingerprint}`
    ])
    await expect(run('keys', 'revoke', 'biuld', '--reason', 'lost')).rejects.toThrow('no key is "biuld"; did you mean "build"?')
    expect((await run('keys', 'revoke', 'build', '--reason', 'lost')).text).toBe(`revoked build (${fingerprint})`)
    expect((await run('keys', 'list')).json).toMatchObject({ keys: [{ name: 'build', status: 'revoked' }] })
    await expect(run('keys', 'trust', `${key}.pub`, '--name', 'build')).rejects.toMatchObject({ code: 'KEY_CONFLICT' })
    expect((await run('keys', 'trust', `${key}.pub`, '--name', 'build', '--reinstate')).json).toMatchObject({ status: 'trusted' })
  })

  it('refuses a private key to be trusted, an unknown curve, an unknown key', async () => {
    const { run, key } = commandLine()
    await run('keys', 'generate', key)
    await expect(run('keys', 'trust', key, '--name', 'x')).rejects.toMatchObject({ code: 'KEY_INVALID' })
    await expect(run('keys', 'revoke', 'nobody', '--reason', 'x')).rejects.toMatchObject({ code: 'KEY_NOT_FOUND' })
    await expect(run('keys', 'generate', `${key}2`, '--curve', 'P-192')).rejects.toBeInstanceOf(CommanderError)
    await expect(run('keys', 'revoke', 'nobody')).rejects.toBeInstanceOf(CommanderError)
  })

  it('says and sets the policy', async () => {
    const { run } = commandLine()
    expect((await run('keys', 'policy')).text).toBe('policy off')
    expect((await run('keys', 'policy', 'warn')).json).toEqual({ policy: 'warn' })
    expect((await run('keys', 'policy')).text).toBe('policy warn')
    await expect(run('keys', 'policy', 'maybe')).rejects.toBeInstanceOf(CommanderError)
  })
})

describe('gauntlet sign', () => {
  it('signs a version, after which show and verify name the key', async () => {
    const { run, publish, key, folder, warnings } = commandLine()
    const { fingerprint } = (await run('keys', 'generate', key)).json
    await publish('1', '--alias', 'champion')
    expect((await run('show', 'm:1')).text).toContain('\nsignature  unsigned\n')
    const output = join(folder, 'model.sig')

    expect((await run('sign', 'm', '--key', key, '--output', output)).text).toBe(`signed m:1 by ${fingerprint}`)

    expect(warnings).toEqual([`this key is not trusted here; trust it with: gauntlet keys trust ${key}.pub --name NAME`])
    expect((await run('show', 'm:1')).json).toMatchObject({ signature: { state: 'invalid', signatures: [{ fingerprint, name: null }] } })
    await run('keys', 'trust', `${key}.pub`, '--name', 'build')
    expect((await run('sign', 'm:1', '--key', key)).json).toMatchObject({ status: 'unchanged', fingerprint })
    expect((await run('show', 'm:1')).text).toContain(`\nsignature  signed by build (${fingerprint})\n`)
    expect((await run('verify', 'm')).text.split('\n').at(-1)).toBe(`signed by build (${fingerprint})`)
    expect(warnings).toHaveLength(1)
    expect(JSON.parse(readFileSync(output, 'utf8'))).toMatchObject({ verificationMaterial: { publicKey: { hint: fingerprint } } })
    expect((await run('sign', 'm', '--bundle', output)).text).toBe(`m:1 is signed by ${fingerprint} already`)
    await expect(run('sign', 'm', '--key', key, '--output', output)).rejects.toMatchObject({ code: 'SOURCE_INVALID' })
  })

  it('takes the passphrase from the environment alone', async () => {
    const { run, publish, key } = commandLine()
    setVariable('TEST_PASSPHRASE', 'two words')
    await run('keys', 'generate', key, '--passphrase-env', 'TEST_PASSPHRASE')
    await publish('1', '--alias', 'champion')

    await expect(run('sign', 'm', '--key', key)).rejects.toMatchObject({ code: 'KEY_INVALID', message: expect.stringContaining('(--passphrase-env)') })
    await expect(run('sign', 'm', '--key', key, '--passphrase-env', 'TEST_UNSET')).rejects.toMatchObject({ code: 'KEY_INVALID', message: 'the environment variable "TEST_UNSET" has no passphrase' })
    expect((await run('sign', 'm', '--key', key, '--passphrase-env', 'TEST_PASSPHRASE')).json).toMatchObject({ status: 'signed' })
  })

  it('needs a key or a bundle, not both, that can be read', async () => {
    const { run, publish, key } = commandLine()
    await publish('1', '--alias', 'champion')
    await expect(run('sign', 'm')).rejects.toBeInstanceOf(CommanderError)
    await expect(run('sign', 'm', '--key', key, '--bundle', key)).rejects.toBeInstanceOf(CommanderError)
    await expect(run('sign', 'm', '--key', key)).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' })
    await expect(run('sign', 'm', '--bundle', key)).rejects.toMatchObject({ code: 'SOURCE_NOT_FOUND' })
  })
})

describe('gauntlet publish and verify', () => {
  it('under require refuse what is unsigned, and take what a trusted key signs', async () => {
    const { run, publish, key } = commandLine()
    const { fingerprint } = (await run('keys', 'generate', key)).json
    await publish('1')
    await run('keys', 'policy', 'require')
    await run('keys', 'trust', `${key}.pub`, '--name', 'build')

    await expect(publish('2')).rejects.toMatchObject({ code: 'SIGNATURE_REQUIRED', printed: [] })
    await expect(run('verify', 'm:1')).rejects.toMatchObject({ code: 'SIGNATURE_REQUIRED', printed: [{ json: { ok: true, signature: { state: 'unsigned' } } }] })
    expect((await publish('2', '--key', key)).json).toMatchObject({ status: 'published', signature: { state: 'signed', signatures: [{ fingerprint, name: 'build' }] } })
    expect((await run('verify', 'm:2')).json).toMatchObject({ ok: true, signature: { state: 'signed' } })
  })

  it('take a stricter policy from the environment', async () => {
    const { publish, warnings } = commandLine()
    setVariable('GAUNTLET_SIGNATURE_POLICY', 'warn')
    await publish('1', '--alias', 'champion')
    expect(warnings).toEqual(['m:1 is unsigned'])
    setVariable('GAUNTLET_SIGNATURE_POLICY', 'require')
    await expect(publish('2')).rejects.toMatchObject({ code: 'SIGNATURE_REQUIRED' })
  })

  it('do not print a private key, even one that stands where a bundle should', async () => {
    const { run, publish, key } = commandLine()
    await run('keys', 'generate', key)
    await publish('1', '--alias', 'champion')
    const failed = await run('sign', 'm', '--bundle', key).then(() => null, (error: Error) => error.message)
    expect(failed).toMatch(/the bundle is not JSON/)
    expect(failed).not.toContain(readFileSync(key, 'utf8').split('\n')[1])
  })
})

describe('a dry run', () => {
  it('of making, trusting and revoking keys and of the policy refuses as they would, and changes nothing', async () => {
    const { run, key, dataDir } = commandLine()
    expect((await run('keys', 'generate', key, '--dry-run')).json).toEqual({ dryRun: true, curve: 'P-256', privateKey: key, publicKey: `${key}.pub` })
    expect(existsSync(key)).toBe(false)
    const { fingerprint } = (await run('keys', 'generate', key)).json
    await expect(run('keys', 'generate', key, '--dry-run')).rejects.toMatchObject({ code: 'KEY_CONFLICT' })

    expect((await run('keys', 'trust', `${key}.pub`, '--name', 'build', '--dry-run')).text).toBe(`would be trusted: build (${fingerprint})`)
    await expect(run('keys', 'trust', `${key}.pub`, '--name', '-', '--dry-run')).rejects.toMatchObject({ code: 'KEY_INVALID' })
    expect((await run('keys', 'list')).json).toEqual({ policy: 'off', keys: [] })
    await run('keys', 'trust', `${key}.pub`, '--name', 'build')
    expect((await run('keys', 'revoke', 'build', '--reason', 'lost', '--dry-run')).json).toMatchObject({ dryRun: true, status: 'trusted' })
    expect((await run('keys', 'policy', 'require', '--dry-run')).text).toBe('policy would be require (is off)')

    expect((await run('keys', 'list')).json).toMatchObject({ policy: 'off', keys: [{ name: 'build', status: 'trusted' }] })
    const registry = Registry.open({ dataDir, now: () => START_MS })
    expect(registry.audit().list().map(({ action }) => action)).toEqual(['key.trust'])
    registry.close()
  })

  it('of a signature checks key and files, and keeps and writes nothing', async () => {
    const { run, publish, key, folder } = commandLine()
    await run('keys', 'generate', key)
    await publish('1')
    const output = join(folder, 'model.sig')

    expect((await run('sign', 'm:1', '--key', key, '--output', output, '--dry-run')).text).toMatch(/^would be signed: m:1 by /)

    expect(existsSync(output)).toBe(false)
    expect((await run('show', 'm:1')).json).toMatchObject({ signature: { state: 'unsigned' } })
    writeFileSync(output, 'x')
    await expect(run('sign', 'm:1', '--key', key, '--output', output, '--dry-run')).rejects.toMatchObject({ code: 'SOURCE_INVALID' })
    await expect(run('sign', 'm:1', '--key', `${key}.pub`, '--dry-run')).rejects.toMatchObject({ code: 'KEY_INVALID' })
  })
})

it('prints nothing with --quiet, but does it', async () => {
  const { runQuietly, run, publish, key } = commandLine()
  await publish('1')

  expect(await runQuietly('keys', 'generate', key, '--quiet')).toEqual([])
  expect(await runQuietly('keys', 'trust', `${key}.pub`, '--name', 'build', '--quiet')).toEqual([])
  expect(await runQuietly('sign', 'm:1', '--key', key, '--quiet')).toEqual([])
  expect(await runQuietly('keys', 'policy', 'warn', '--quiet')).toEqual([])
  expect((await run('show', 'm:1')).json).toMatchObject({ signature: { state: 'signed' } })
  expect(await runQuietly('keys', 'revoke', 'build', '--reason', 'lost', '--quiet')).toEqual([])
  expect((await run('keys', 'list')).json).toMatchObject({ policy: 'warn', keys: [{ status: 'revoked' }] })
})
