import { InvalidArgumentError, type Command } from 'commander'
import { formatTable } from '../../registry/table.js'
import { LINE_BYTES_MAX } from '../evaluation/formats.js'
import type { ProbeReport } from '../probes/run-probes.js'
import { whole } from './arguments.js'
import { GateRefused } from './gate-refused.js'

interface ProbeContext {
  readonly options: () => { readonly dataDir: string, readonly server: string }
  readonly signal: AbortSignal
  readonly print: (json: unknown, text: () => string) => void
}

interface ProbeFlags {
  readonly header: Readonly<Record<string, string>>
  readonly concurrency: number
  readonly timeout: number
  readonly probesMax: number
}

/** `gauntlet probe`: real requests with known answers, from anywhere. */
export function addProbeCommand (program: Command, { options, signal, print }: ProbeContext): void {
  program.command('probe')
    .description('send requests with known answers to a gateway; exit code 6 when one is not answered as expected')
    .argument('<file>', 'JSONL, one probe per line, or dataset:NAME[:VERSION|@ALIAS]; see docs/probes.md')
    .option('--header <name:value>', 'sent with every request; may be repeated', addHeader, {})
    .option('--concurrency <n>', 'probes under way at once', whole(1, 256), 1)
    .option('--timeout <ms>', 'longest wait for an answer, ms', whole(1, 600_000), 10_000)
    .option('--probes-max <n>', 'refuse a longer file', whole(1, 1_000_000), 10_000)
    .addHelpText('after', '\nExample: gauntlet probe probes.jsonl --server https://models.example.com')
    .action(async (path: string, { header, concurrency, timeout, probesMax }: ProbeFlags) => {
      const { runProbes } = await import('../probes/run-probes.js')
      const { dataDir, server } = options()
      const report = await runProbes({
        path,
        dataDir,
        server,
        headers: header,
        probesMax,
        lineBytesMax: LINE_BYTES_MAX,
        concurrency,
        timeoutMs: timeout,
        signal
      })
      print(report, () => probeText(report))
      if (report.failed > 0) throw new GateRefused(`${report.failed} of ${report.probes} probes failed`)
      if (report.probes === 0) throw new GateRefused(`${path} has no probes`)
    })
}

function addHeader (text: string, before: Readonly<Record<string, string>>): Record<string, string> {
  const [, name, value] = /^([^\s:]+):\s*(.*)$/.exec(text) ?? []
  if (name === undefined || value === undefined) throw new InvalidArgumentError('expected name:value')
  return { ...before, [name]: value }
}

function probeText ({ probes, failed, results, server }: ProbeReport): string {
  const rows = results.map(({ name, passed, latencyMs, version, reason }) =>
    [name, passed ? 'passed' : 'failed', `${latencyMs.toFixed(1)} ms`, version ?? '-', reason ?? '-'])
  return [
    formatTable([['PROBE', 'RESULT', 'TIME', 'ANSWERED BY', 'REASON'], ...rows]),
    `${probes - failed} of ${probes} probes passed at ${server}`
  ].join('\n')
}
