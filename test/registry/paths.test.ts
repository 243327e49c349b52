import { posix } from 'node:path'
import fc from 'fast-check'
import { describe, expect, it } from 'vitest'
import { mediaTypeOf, pathFault, pathsFault } from '../../registry/paths.js'

/** Any UTF-16, half a surrogate pair included. */
const anyText = fc.array(fc.integer({ min: 0, max: 0xffff }), { maxLength: 12 }).map((units) => String.fromCharCode(...units))
const goodSegment = fc.stringMatching(/^[a-zA-Z0-9_][a-zA-Z0-9_.-]{0,20}[a-zA-Z0-9_]$/)
const goodPath = fc.array(goodSegment, { minLength: 1, maxLength: 5 }).map((segments) => segments.join('/'))

describe('a layer path', () => {
  it.each([
    ['', 'is empty'], ['/etc/passwd', 'is absolute'], ['../a', 'has a .. segment'], ['a/../b', 'has a .. segment'],
    ['./a', 'has a . segment'], ['a//b', 'has an empty segment'], ['a/', 'has an empty segment'],
    ['a\\b', 'has a backslash'], ['C:/a', 'begins with a drive letter'], ['~/a', 'begins with ~'],
    ['a\0b', 'has a control character'], ['a\u009bb', 'has a control character'], ['a.', 'has a segment that ends in a dot or space'],
    ['a /b', 'has a segment that ends in a dot or space'], ['e\u0301', 'is not in Unicode normal form C'],
    ['\uD800', 'is not valid UTF-8'], ['a\uFFFD', 'is not valid UTF-8'], ['ä'.repeat(128), 'has a segment longer than 255 bytes'],
    ['a/'.repeat(32) + 'a', 'is deeper than 32 segments'], [`${'a'.repeat(255)}/`.repeat(4) + 'abc', 'is longer than 1024 bytes']
  ])('%j %s', (path, fault) => {
    expect(pathFault(path)).toBe(fault)
  })

  it('is accepted when it is plain, whatever the letters', () => {
    fc.assert(fc.property(goodPath, (path) => { expect(pathFault(path)).toBeNull() }))
    expect(pathFault('onnx/modèle 模型.onnx')).toBeNull()
  })

  it('that is accepted never leaves the folder it is joined to', () => {
    const nasty = fc.array(fc.constantFrom('..', '.', '', 'a', '\\', '/', '~', 'C:', '\0', ' ', '...', 'b'), { maxLength: 8 })
      .map((parts) => parts.join('/'))
    fc.assert(fc.property(fc.oneof(nasty, anyText), (path) => {
      return pathFault(path) !== null || posix.join('/root', path) === `/root/${path}`
    }))
  })
})

describe('the layer paths of a version', () => {
  it('may not occur twice', () => {
    expect(pathsFault(['a', 'a'])).toBe('path "a" occurs twice')
  })

  it.each([[['a/B', 'a/b']], [['Dir/a', 'dir/b']], [['straße', 'STRASSE']]])('may not differ only in case: %j', (paths) => {
    expect(pathsFault(paths)).toMatch(/differ only in upper and lower case/)
  })

  it('may not be a file and a folder at once, in either order', () => {
    expect(pathsFault(['a', 'a/b'])).toBe('path "a" is both a file and a folder')
    expect(pathsFault(['a/b', 'a'])).toBe('path "a" is both a file and a folder')
  })

  it('have a fault in every order or in none', () => {
    const paths = fc.array(fc.constantFrom('a', 'A', 'a/b', 'b', 'b/c', 'B/d', 'c/d/e', 'c/d'), { maxLength: 5 })
    fc.assert(fc.property(paths, (list) => {
      expect(pathsFault(list) === null).toBe(pathsFault([...list].reverse()) === null)
    }))
  })

  it('of ten thousand files are checked without going quadratic', () => {
    const paths = Array.from({ length: 10_000 }, (_, index) => `${'d/'.repeat(20)}${index}`)
    expect(pathsFault(paths)).toBeNull()
  })
})

it.each([
  ['model.onnx', 'weight'], ['onnx/model.onnx_data', 'weight'], ['model.onnx_data_1', 'weight'], ['a.safetensors', 'weight'],
  ['README', 'doc'], ['docs/notes.md', 'doc'], ['LICENSE.txt', 'doc'],
  ['tokenizer.json', 'weight.config'], ['vocab.txt', 'weight.config'], ['serving.json', 'weight.config'], ['x.unknown', 'weight.config']
])('a layer %s is of the family %s', (path, family) => {
  expect(mediaTypeOf(path)).toBe(`application/vnd.cncf.model.${family}.v1.raw`)
})
