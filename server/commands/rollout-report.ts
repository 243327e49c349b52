import { extname } from 'node:path'
import { Option, type Command } from 'commander'
import type { ReportFormat } from '../rollouts/report/read.js'

interface ReportContext {
  readonly options: () => { readonly dataDir: string, readonly json?: true }
  readonly print: (json: unknown, text: () => string) => void
  readonly warn: (line: string) => void
}

interface ReportFlags {
  readonly format?: ReportFormat
  readonly out?: string
  readonly quiet?: true
}

const FORMATS: readonly ReportFormat[] = ['md', 'html', 'json']

/** `gauntlet rollout report`: needs no gateway, and changes nothing. */
export function addReportCommand (rollout: Command, { options, print, warn }: ReportContext): void {
  rollout.command('report <id>')
    .description('the story of a rollout afterwards: what was tried, what decided, who was exposed, what to do next')
    .addOption(new Option('--format <format>', 'md, or what the name of the file says').choices(FORMATS))
    .option('--out <file>', 'write a file instead of stdout; one that is there is replaced')
    .option('--quiet', 'say nothing when all is well')
    .addHelpText('after', '\nExample: gauntlet rollout report 7f3a --out report.html')
    .action(async (id: string, { format, out, quiet }: ReportFlags) => {
      const { dataDir, json } = options()
      const [{ Registry }, { readReport, renderReport }] = await Promise.all([
        import('../../registry/registry.js'), import('../rollouts/report/read.js')
      ])
      const registry = Registry.open({ dataDir, now: Date.now, heal: false })
      try {
        const report = readReport(registry, id, Date.now())
        const text = renderReport(report, format ?? formatOf(out) ?? (json === true && out !== undefined ? 'json' : 'md'))
        if (out === undefined) return print(report, () => text.trimEnd())
        await (await import('../out-file.js')).writeOutFile(out, [text])
        if (quiet !== true) warn(`wrote ${out}`)
      } finally {
        registry.close()
      }
    })
}

function formatOf (out: string | undefined): ReportFormat | undefined {
  const ending = extname(out ?? '').slice(1).toLowerCase()
  return FORMATS.find((format) => format === ending)
}
