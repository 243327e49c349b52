import type { RolloutView } from '../../server/routes/rollout-view.js'
import { metricLine } from '../../server/commands/rollout-text.js'

interface Answers { readonly count: number, readonly failed: number }

/** Writes the demo's story: lines that stay and, on a terminal, a block that is drawn over while a trial runs. */
export class Progress {
  readonly #isTerminal = process.stdout.isTTY
  #drawn = 0
  #last = ''

  title (text: string): void {
    this.line(`\n${text}`)
  }

  line (text: string): void {
    this.#clear()
    process.stdout.write(`${text}\n`)
  }

  /** The state of a running trial: weight, samples and each metric's interval against its margin. */
  trial ({ state, weightBps, verdict }: RolloutView, answers: Answers): void {
    const weight = weightBps / 10_000
    const bar = `${'#'.repeat(Math.round(weight * 40))}${'.'.repeat(40 - Math.round(weight * 40))}`
    const head = `challenger ${bar} ${(weight * 100).toFixed(0)} %  ${state}  ${answers.count} answers, ${answers.failed} failed`
    const lines = [head, ...verdict.metrics.map(metricLine), `  ${verdict.decision}: ${verdict.reason}`]
    if (this.#isTerminal) this.#draw(lines)
    else this.#print(lines, `${state} ${weightBps} ${verdict.metrics.map(({ outcome }) => outcome).join()}`)
  }

  #draw (lines: readonly string[]): void {
    this.#clear()
    const width = process.stdout.columns || 120
    process.stdout.write(`${lines.map((line) => line.slice(0, width - 1)).join('\n')}\n`)
    this.#drawn = lines.length
  }

  #print (lines: readonly string[], digest: string): void {
    if (digest === this.#last) return
    this.#last = digest
    process.stdout.write(`${lines.join('\n')}\n`)
  }

  #clear (): void {
    if (this.#drawn > 0) process.stdout.write(`\u001b[${this.#drawn}A\u001b[0J`)
    this.#drawn = 0
  }
}
