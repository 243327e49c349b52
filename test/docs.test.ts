import { existsSync, readdirSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'
import { EXIT } from '../server/cli.js'
import { ConfigSchema } from '../server/config.js'
import { STATUS } from '../server/errors.js'

const root = new URL('../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')

describe('docs/api.md', () => {
  it('lists every error code with its status, and no other', () => {
    const listed = [...read('docs/api.md').matchAll(/^\| `([A-Z_]+)` \| (\d+) \|/gm)].map((match) => [match[1], Number(match[2])])

    expect(Object.fromEntries(listed)).toEqual({ ...STATUS, BAD_SPEC: 400, BODY_TOO_LARGE: 413, INTERNAL: 500 })
  })
})

describe('docs/configuration.md', () => {
  it('lists every setting with its default and bounds, and no other', () => {
    const listed = [...read('docs/configuration.md').matchAll(/^\| `GAUNTLET_([A-Z_]+)` \| `(.*?)` \| (.*?) \|/gm)]
      .map(([, name, initial, bounds]) => [name, initial, bounds])
    const expected = Object.entries(ConfigSchema.properties).map(([key, schema]) => {
      const { default: initial, minimum, maximum } = schema as { default?: unknown, minimum?: number, maximum?: number }
      const name = key.replaceAll(/[A-Z]/g, (capital) => `_${capital}`).toUpperCase()
      return [name, String(initial), minimum === undefined ? '' : `${minimum} to ${maximum}`]
    })

    expect(listed).toEqual(expected)
  })
})

describe('docs/cli.md', () => {
  it('lists every exit code, and no other', () => {
    const listed = [...read('docs/cli.md').matchAll(/^\| (\d+) \|/gm)].map((match) => Number(match[1]))

    expect(listed).toEqual(Object.values(EXIT))
  })
})

describe('the table of threats', () => {
  const [, table = ''] = read('docs/registry.md').split('\n## Threats\n')
  const rows = table.split('\n').filter((line) => /^\| [^*|-]/.test(line) && !line.startsWith('| threat |'))

  it.each(rows.map((row) => row.slice(2, -2).split(' | ')))('names the tests that cover it: %s', (_threat, _done, covered) => {
    const named = [...(covered ?? '').matchAll(/`(test\/[^`]+)`: "([^"]+)"/g)].map(([, file, title]) => ({ file: file!, title: title! }))

    expect(named.map(({ file, title }) => `\`${file}\`: "${title}"`).join(', ')).toBe(covered)
    for (const { file, title } of named) {
      expect(existsSync(new URL(file, root)), file).toBe(true)
      expect(read(file), file).toContain(title)
    }
  })

  it('is one table, of everything', () => {
    expect(rows.length).toBeGreaterThan(40)
    for (const path of ['docs/distribution.md', 'docs/publishing.md']) expect(read(path)).toContain('(registry.md#threats)')
  })
})

describe('the documentation', () => {
  it.each(['README.md', ...readdirSync(new URL('docs/', root)).filter((name) => name.endsWith('.md')).map((name) => `docs/${name}`)])('%s links only to what exists', (path) => {
    const targets = [...read(path).matchAll(/\]\((?!https?:)([^)#]+)/g)].map((match) => match[1]!)

    expect(targets.filter((target) => !existsSync(new URL(target, new URL(path, root))))).toEqual([])
  })
})
