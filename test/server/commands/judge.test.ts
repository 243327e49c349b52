import { mkdtempSync, readFileSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { Command, CommanderError } from 'commander'
import { describe, expect, it } from 'vitest'
import type { JudgeResult } from '../../../evaluators/judge/judge.js'
import { GateRefused } from '../../../server/commands/gate-refused.js'
import { addJudgeCommand } from '../../../server/commands/judge.js'
import { GatewayError } from '../../../server/errors.js'

const around = (centre: number): number[] => Array.from({ length: 60 }, (_, i) => centre + ((i * 7) % 60) / 20)
const CONFIG = {
  judge: { name: 'NetflixACAJudge-v1.0' },
  metrics: [
    { name: 'latency', groups: ['speed'], analysisConfigurations: { canary: { direction: 'increase' } } },
    { name: 'errors', groups: ['health'] }
  ],
  classifier: { groupWeights: { speed: 20, health: 80 } }
}
const SAME = { latency: { control: around(20), experiment: around(20) }, errors: { control: [0, 0, 1, 0, 0], experiment: [0, 1, 0, 0, 0] } }
const SLOWER = { ...SAME, latency: { control: around(20), experiment: around(21.5) } }

/** Runs the command on files of these documents (a string is written as it is). */
async function judge (config: unknown, metrics: unknown, ...words: string[]) {
  const folder = mkdtempSync(join(tmpdir(), 'gauntlet-judge-'))
  const paths = [config, metrics].map((document, i) => {
    const path = join(folder, ['config.json', 'metrics.json'][i]!)
    if (document !== undefined) writeFileSync(path, typeof document === 'string' ? document : JSON.stringify(document))
    return path
  })
  const printed: Array<{ json: JudgeResult, text: string }> = []
  const warnings: string[] = []
  const program = new Command().exitOverride().configureOutput({ writeErr: () => {} })
  addJudgeCommand(program, {
    print: (json, text) => printed.push({ json: json as JudgeResult, text: text() }),
    warn: (line) => warnings.push(line)
  })
  const error: unknown = await program.parseAsync(['judge', ...paths, ...words], { from: 'user' }).then(() => null, (reason: unknown) => reason)
  return { error, warnings, ...printed[0] }
}

describe('gauntlet judge', () => {
  it('prints the metrics, the groups and the score, and ends well on Pass', async () => {
    const { error, text } = await judge(CONFIG, SAME)

    expect(error).toBeNull()
    expect(text!.split('\n').map((line) => line.split(/ {2,}/).slice(0, 4))).toEqual([
      ['METRIC', 'LABEL', 'CONTROL', 'EXPERIMENT'],
      ['latency', 'Pass', '21.48 (n 60)', '21.48 (n 60)'],
      ['errors', 'Pass', '0.2 (n 5)', '0.2 (n 5)'],
      [''],
      ['GROUP', 'SCORE'],
      ['speed', '100.00'],
      ['health', '100.00'],
      [''],
      ['judge', 'NetflixACAJudge-v1.0'],
      ['score', '100 (pass from 95, marginal from 75)'],
      ['label', 'Pass: score 100']
    ])
  })

  it.each([
    [[], 'Marginal'],
    [['--pass', '80'], null],
    [['--pass', '100', '--marginal', '81'], 'Fail'],
    [['--pass', '70'], null]
  ])('refuses what is not a pass: %j is %s', async (words, label) => {
    const { error, json } = await judge(CONFIG, SLOWER, ...words)

    expect(json!.score.score).toBe(80)
    if (label === null) expect(error).toBeNull()
    else expect(error).toEqual(new GateRefused(`judged ${label}: score 80`))
  })

  it('takes the thresholds of the config where it is given none', async () => {
    const config = { ...CONFIG, classifier: { ...CONFIG.classifier, scoreThresholds: { pass: 80, marginal: 50 } } }

    expect((await judge(config, SLOWER)).error).toBeNull()
    expect((await judge(config, SLOWER, '--pass', '81')).error).toEqual(new GateRefused('judged Marginal: score 80'))
  })

  it('is strict when asked, with a warning of small samples', async () => {
    const { json, warnings } = await judge(CONFIG, SLOWER, '--strict')

    expect(json!.judgeName).toBe('GauntletJudge-v1.0')
    expect(json!.results[0]!.classification).toBe('Pass')
    expect(warnings).toEqual(['warning: errors: control 5, experiment 5 values; 50 each are advised'])
  })

  it('refuses what is inconclusive', async () => {
    const { error } = await judge(CONFIG, { ...SAME, errors: { control: [1], experiment: [0] } }, '--strict')

    expect(error).toBeInstanceOf(GateRefused)
    expect((error as Error).message).toMatch(/^judged Inconclusive: 1 of 2 metrics are not settled/)
  })

  it.each([
    ['{', SAME, 'BAD_REQUEST', /config\.json: expected JSON: /],
    [undefined, SAME, 'NOT_FOUND', /config\.json: ENOENT/],
    [{ metrics: [{ name: '' }] }, SAME, 'BAD_REQUEST', /config\.json: config\.metrics\[0\]\.name: expected a string that is not empty, got ""$/],
    [CONFIG, { latency: { control: [1, 'x'] } }, 'BAD_REQUEST', /metrics\.json: metrics\.latency\.control\[1\]: expected a number/],
    [CONFIG, { other: { control: [1] } }, 'BAD_REQUEST', /metrics\.json: metrics "other": expected a metric of the config/]
  ])('names the file and the place of what is wrong in %j with %j', async (config, metrics, code, message) => {
    const { error, json } = await judge(config, metrics)

    expect(json).toBeUndefined()
    expect(error).toBeInstanceOf(GatewayError)
    expect(error).toMatchObject({ code, message: expect.stringMatching(message) })
  })

  it.each([['--pass', '101'], ['--marginal', 'many'], ['--points', '-1']])('refuses %s %s as wrong usage', async (...words) => {
    expect((await judge(CONFIG, SAME, ...words)).error).toBeInstanceOf(CommanderError)
  })

  it('says what the manual shows', async () => {
    const manual = readFileSync(new URL('../../../docs/judge.md', import.meta.url), 'utf8')
    const blocks = (language: string): string[] => [...manual.matchAll(new RegExp(`\`\`\`${language}\n([^]*?)\n\`\`\``, 'g'))].map((match) => match[1]!)
    const [config, metrics] = blocks('json')

    const runs = await Promise.all([judge(config, metrics), judge(config, metrics, '--strict')])

    const shown = runs.map(({ text, warnings, error }) => [text, ...warnings, `gauntlet: ${(error as Error).message}`].join('\n'))
    expect(blocks('text').map((block) => block.replace(/^\$ gauntlet judge .*\n/, ''))).toEqual(shown)
  })

  it('refuses thresholds in the wrong order', async () => {
    expect((await judge(CONFIG, SAME, '--pass', '50', '--marginal', '60')).error).toMatchObject({ code: 'BAD_REQUEST', message: 'thresholds.marginal: expected at most pass (50), got 60' })
  })
})
