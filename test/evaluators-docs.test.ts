import { execFile } from 'node:child_process'
import { mkdtemp, readFile, rm, writeFile } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { promisify } from 'node:util'
import { afterAll, beforeAll, describe, expect, it } from 'vitest'
import * as evaluators from '../evaluators/index.js'

const root = new URL('../', import.meta.url)
const page = await readFile(new URL('docs/evaluators.md', root), 'utf8')

interface Example { name: string, code: string, output: string }

/** Every section of a function, with its example and what that prints. */
const sections = page.split(/^### /m).slice(1)
const examples = sections.map((section): Example => {
  const [, name = ''] = /^`(\w+)/.exec(section) ?? []
  const [, code = '', output = ''] = /```ts\n([\s\S]*?)```\s*```text\n([\s\S]*?)```/.exec(section) ?? []
  return { name, code, output }
})

/** Runs all examples in one process, each in a module of its own, and gives what each printed. */
async function runAll (directory: string): Promise<string[]> {
  const library = new URL('evaluators/index.ts', root).href
  await Promise.all(examples.map(({ code }, i) =>
    writeFile(join(directory, `${i}.mts`), code.replaceAll("'gauntlet/evaluators'", `'${library}'`))))
  await writeFile(join(directory, 'all.mts'), `
    import { format } from 'node:util'
    const printed: string[] = []
    for (let i = 0; i < ${examples.length}; i++) {
      let text = ''
      console.log = (...values) => { text += format(...values) + '\\n' }
      try { await import(\`./\${i}.mts\`) } catch (error) { text += String(error) }
      printed.push(text)
    }
    process.stdout.write(JSON.stringify(printed))`)
  const tsx = import.meta.resolve('tsx')
  const { stdout } = await promisify(execFile)(process.execPath, ['--import', tsx, join(directory, 'all.mts')], { maxBuffer: 1 << 24 })
  return JSON.parse(stdout) as string[]
}

describe('docs/evaluators.md', () => {
  let directory: string
  let printed: string[]
  beforeAll(async () => {
    directory = await mkdtemp(join(tmpdir(), 'gauntlet-docs-'))
    printed = await runAll(directory)
  }, 60_000)
  afterAll(() => rm(directory, { recursive: true, force: true }))

  it('has a section with an example for every public function, and no other', () => {
    const functions = Object.entries(evaluators).filter(([, value]) => typeof value === 'function').map(([name]) => name)

    expect(examples.map(({ name }) => name).sort()).toEqual(functions.sort())
  })

  it.each(examples.map(({ name }, i) => [name, i] as const))('the example of %s prints what the page says', (_, i) => {
    expect(examples[i]!.code).toContain('gauntlet/evaluators')
    expect(printed[i]).toBe(examples[i]!.output)
  })
})
