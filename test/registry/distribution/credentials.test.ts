import { chmodSync, mkdirSync, readFileSync, statSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { CredentialStore } from '../../../registry/distribution/credentials.js'
import { folderOf, temporaryFolder } from '../../support/registry-fixtures.js'
import { USER } from '../../support/remote-registry.js'

function storeWith (docker: Readonly<Record<string, string>> = {}, path = ''): CredentialStore {
  return new CredentialStore({ XDG_CONFIG_HOME: temporaryFolder(), DOCKER_CONFIG: folderOf(docker), HOME: '/nonexistent', PATH: path })
}

describe('credentials', () => {
  it('are kept per host in a file that only its owner reads, until they are forgotten', async () => {
    const store = storeWith()
    await store.set('a.example', { username: 'old', password: 'old' })
    await store.set('a.example', USER)
    await store.set('a.example:5000', { username: 'bob', password: 'x' })

    expect(statSync(store.path).mode & 0o777).toBe(0o600)
    expect(await store.find('a.example')).toEqual(USER)
    expect(await store.find('a.example:5000')).toMatchObject({ username: 'bob' })
    expect(await store.find('b.example')).toBeNull()
    expect(await store.find('constructor')).toBeNull()
    expect([await store.forget('a.example'), await store.forget('a.example')]).toEqual([true, false])
    expect(await store.find('a.example')).toBeNull()
  })

  it('of a damaged file are an error, and are not overwritten', async () => {
    const store = storeWith()
    await store.set('a.example', USER)
    for (const damaged of ['{"hosts":{"a.example":{"username":1}}}', '{', '[]']) {
      writeFileSync(store.path, damaged)
      await expect(store.find('a.example')).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' })
      await expect(store.set('b.example', USER)).rejects.toMatchObject({ code: 'CREDENTIALS_INVALID' })
      expect(readFileSync(store.path, 'utf8')).toBe(damaged)
    }
  })

  it('of Docker are used behind our own', async () => {
    const auth = Buffer.from(`${USER.username}:${USER.password}`).toString('base64')
    const store = storeWith({ 'config.json': JSON.stringify({ auths: { 'a.example': { auth }, 'b.example': { auth: '' } } }) })

    expect(await store.find('a.example')).toEqual(USER)
    expect(await store.find('b.example')).toBeNull()
    await store.set('a.example', { username: 'bob', password: 'x' })
    expect(await store.find('a.example')).toMatchObject({ username: 'bob' })
  })

  it('of a helper of Docker are asked for by its protocol; one that is absent or odd is passed over', async () => {
    const bin = temporaryFolder()
    mkdirSync(bin, { recursive: true })
    const helper = join(bin, 'docker-credential-test')
    writeFileSync(helper, '#!/bin/sh\nread host\n[ "$1" = get ] && printf \'{"ServerURL":"%s","Username":"ann","Secret":"of %s"}\' "$host" "$host"\n')
    chmodSync(helper, 0o755)
    const before = process.env['PATH']
    process.env['PATH'] = `${bin}:${before}`
    try {
      const of = (document: object): CredentialStore => storeWith({ 'config.json': JSON.stringify(document) })
      expect(await of({ credsStore: 'test' }).find('a.example')).toEqual({ username: 'ann', password: 'of a.example' })
      expect(await of({ credHelpers: { 'a.example': 'test' }, credsStore: 'absent' }).find('a.example')).toMatchObject({ username: 'ann' })
      expect(await of({ credsStore: 'absent' }).find('a.example')).toBeNull()
      expect(await of({ credsStore: '../test' }).find('a.example')).toBeNull()
    } finally {
      process.env['PATH'] = before
    }
  })
})
