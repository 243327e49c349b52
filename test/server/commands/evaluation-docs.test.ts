import { readFileSync } from 'node:fs'
import { afterAll, describe, expect, it } from 'vitest'
import { fileFolder, gauntlet } from '../../support/command.js'

const page = readFileSync(new URL('../../../docs/evaluation.md', import.meta.url), 'utf8')
const files = fileFolder()
afterAll(() => { files.remove() })

const answers = files.write('answers.jsonl', /`answers\.jsonl`:\n\n```json\n(.*?)```/s.exec(page)![1]!)
/** Commands on the file of the page, or on no file, with what the page says that they print. */
const runs = [...page.matchAll(/```text\n\$ gauntlet (.*)\n([^]*?)\n```/g)]
  .map(([, command, output]) => [command!, output!] as const)
  .filter(([command]) => command.includes('answers.jsonl') || command.startsWith('power'))

describe('docs/evaluation.md', () => {
  it('shows runs of score and power', () => {
    expect(runs.filter(([command]) => command.startsWith('score')).length).toBeGreaterThan(1)
    expect(runs.filter(([command]) => command.startsWith('power')).length).toBeGreaterThan(2)
  })

  it.each(runs)('prints what it says for %s', async (command, output) => {
    const { code, out, talk } = await gauntlet(...command.split(' ').map((word) => word === 'answers.jsonl' ? answers : word))

    expect(code).toBe(0)
    expect(`${out}${talk}`.trimEnd()).toBe(output)
  })
})
