import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { RegistryError } from '../../registry/errors.js'
import { checkAlias, checkName, checkVersion, parseReference } from '../../registry/names.js'

/** Any UTF-16, half a surrogate pair included. */
const anyText = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 }).map((units) => String.fromCharCode(...units))

describe('model names', () => {
  it.each(['a', 'spam-filter', 'team/spam_filter', 'a.b-c_d/e/0', 'a'.repeat(128)])('accepts %s', (name) => {
    expect(() => checkName(name)).not.toThrow()
  })

  it.each(['', 'A', '-a', 'a-', 'a//b', '/a', 'a/', 'a..b', 'a:b', 'a@b', 'a b', '../a', 'ä', 'a\n', 'a'.repeat(129)])(
    'refuses %j and states the grammar', (name) => {
      expect(() => checkName(name)).toThrow(/must be at most 128 characters: lower-case letters and digits/)
    })

  it('refuses the reserved name stats, but not as a part', () => {
    expect(() => checkName('stats')).toThrow('model name "stats" is reserved')
    expect(() => checkName('team/stats')).not.toThrow()
  })
})

describe('versions', () => {
  it.each(['1', '1.4.0', '2024-01-01_a+b', 'V'.repeat(128)])('accepts %s', (version) => {
    expect(() => checkVersion(version)).not.toThrow()
  })

  it.each(['', '.1', '-1', '1/2', '1:2', '1 2', '1\n', 'V'.repeat(129)])('refuses %j and states the grammar', (version) => {
    expect(() => checkVersion(version)).toThrow(/must be 1 to 128 letters, digits, \. _ \+ or -/)
  })
})

describe('aliases', () => {
  it.each(['champion', 'a', 'blue-2', 'a'.repeat(64)])('accepts %s', (alias) => {
    expect(() => checkAlias(alias)).not.toThrow()
  })

  it.each(['', '1a', 'A', 'a_b', 'a\n', 'a'.repeat(65)])('refuses %j and states the grammar', (alias) => {
    expect(() => checkAlias(alias)).toThrow(/must be 1 to 64 lower-case letters, digits or -/)
  })
})

describe('references', () => {
  it('read a bare name as its champion', () => {
    expect(parseReference('team/m')).toEqual({ name: 'team/m', alias: 'champion' })
  })

  it('read name:version and name@alias', () => {
    expect(parseReference('m:1.0+b')).toEqual({ name: 'm', version: '1.0+b' })
    expect(parseReference('m@blue')).toEqual({ name: 'm', alias: 'blue' })
  })

  it.each(['', ':1', 'm:', 'm@', 'm:1@a', 'm@a:1', 'm:1:2'])('refuse %j', (reference) => {
    expect(() => parseReference(reference)).toThrow(expect.objectContaining({ name: 'RegistryError' }))
  })

  it('never fail in another way, whatever the text', () => {
    fc.assert(fc.property(anyText, (text) => {
      try {
        parseReference(text)
        return true
      } catch (error) {
        return error instanceof RegistryError && error.code.startsWith('INVALID_')
      }
    }))
  })
})
