import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { parseLicense, parseReadmeLicense } from '../../registry/hub/license.js'
import { waitAsked } from '../../registry/hub/retry.js'
import { readHubSettings } from '../../registry/hub/settings.js'
import { folderOf, temporaryFolder } from '../support/registry-fixtures.js'

describe('the settings of the hub', () => {
  it('are those of its own tools', () => {
    const home = folderOf({ '.cache/huggingface/token': 'hf_home\n', 'cache/huggingface/token': 'hf_cache', 'hf/token': 'hf_folder', there: 'hf_there' })
    const read = (environment: Record<string, string>) => readHubSettings(environment, home)
    expect(read({})).toEqual({ endpoint: 'https://huggingface.co', token: 'hf_home', isOffline: false })
    expect(read({ XDG_CACHE_HOME: join(home, 'cache') }).token).toBe('hf_cache')
    expect(read({ HF_HOME: join(home, 'hf'), XDG_CACHE_HOME: join(home, 'cache') }).token).toBe('hf_folder')
    expect(read({ HF_TOKEN_PATH: join(home, 'there'), HF_HOME: join(home, 'hf') }).token).toBe('hf_there')
    expect(read({ HF_TOKEN: 'hf_given' }).token).toBe('hf_given')
    expect(read({ HF_ENDPOINT: 'https://mirror.example/hub/', HF_HUB_OFFLINE: '1' })).toMatchObject({ endpoint: 'https://mirror.example/hub', isOffline: true })
  })

  it('have no token when there is none', () => {
    expect(readHubSettings({}, temporaryFolder()).token).toBeNull()
    expect(readHubSettings({}, folderOf({ '.cache/huggingface/token': '\n' })).token).toBeNull()
  })

  it('that cannot be meant are refused, without showing the token', () => {
    const home = temporaryFolder()
    for (const HF_ENDPOINT of ['mirror.example', 'ftp://mirror.example', 'https://ann:secret@mirror.example', 'https://mirror.example/?a=b']) {
      expect(() => readHubSettings({ HF_ENDPOINT }, home)).toThrow(/HF_ENDPOINT must be an http or https URL without credentials/)
    }
    const fault = (() => {
      try {
        return readHubSettings({ HF_TOKEN: 'hf\nsecret' }, home)
      } catch (error) {
        return error
      }
    })()
    expect(fault).toMatchObject({ code: 'SOURCE_INVALID', message: expect.not.stringContaining('secret') })
  })

  it('never send a token unencrypted over a network', () => {
    expect(() => readHubSettings({ HF_ENDPOINT: 'http://mirror.example', HF_TOKEN: 'hf_a' }, temporaryFolder())).toThrow(/would travel unencrypted/)
    expect(readHubSettings({ HF_ENDPOINT: 'http://mirror.example' }, temporaryFolder()).token).toBeNull()
    expect(readHubSettings({ HF_ENDPOINT: 'http://[::1]:8080', HF_TOKEN: 'hf_a' }, temporaryFolder()).token).toBe('hf_a')
  })
})

describe('the license of a repository', () => {
  it.each([
    [{ license: 'mit' }, ['mit']],
    [{ license: ['apache-2.0', 'mit'] }, ['apache-2.0', 'mit']],
    [{ license: 'other', license_name: 'house-rules' }, ['LicenseRef-house-rules']],
    [{ license: 'other' }, []],
    [{ license: 'a license of\nour own' }, []],
    [{ license: 7 }, []],
    [{}, []], [null, []], ['mit', []], [undefined, []]
  ])('%j is %j', (card, expected) => {
    expect(parseLicense(card)).toEqual(expected)
  })

  it.each([
    ['---\nlicense: mit\n---\n# a', ['mit']],
    ['\uFEFF---\r\nlicense: mit\r\n---\r\n# a', ['mit']],
    ['# a\n---\nlicense: mit\n---\n', []],
    ['---\nlicense: [\n---\n', []],
    ['---\na: &a [x]\nlicense: *a\n---\n', []],
    ['---\nlicense: mit\n', []],
    ['', []]
  ])('in the README %j is %j', (readme, expected) => {
    expect(parseReadmeLicense(readme)).toEqual(expected)
  })
})

describe('how long a server asks to wait', () => {
  it.each([
    ['7', 7_000], ['Thu, 01 Jan 1970 00:00:30 GMT', 20_000], ['Thu, 01 Jan 1970 00:00:01 GMT', 0], ['soon', null], [undefined, null]
  ])('%s is %s ms', (text, expected) => {
    expect(waitAsked(new Headers(text === undefined ? {} : { 'retry-after': text }), 10_000)).toBe(expected)
  })
})
