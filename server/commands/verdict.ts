import type { Command } from 'commander'
import { RegistryError } from '../../registry/errors.js'
import { formatTable } from '../../registry/table.js'
import type { Replayed } from '../rollouts/replay.js'
import { PACKAGE_VERSION } from '../version.js'

export interface VerdictCommandsContext {
  readonly options: () => { readonly dataDir: string }
  readonly print: (json: unknown, text: () => string) => void
  readonly warn: (line: string) => void
}

interface ReplayReport {
  readonly rollout: string
  /** The release that recomputed. */
  readonly engine: string
  /** Ever drawn, and how many of them were dropped since. */
  readonly saved: number
  readonly dropped: number
  readonly different: number
  readonly unknown: number
  readonly verdicts: readonly Replayed[]
}

const DIGEST_ENTRIES_MAX = 100_000

/** `gauntlet verdict …`: needs no gateway, and changes nothing. */
export function addVerdictCommands (program: Command, { options, print, warn }: VerdictCommandsContext): void {
  program.command('verdict').description('verdicts, recomputed from what they were drawn from')
    .command('replay <rollout>')
    .description('draw every stored verdict of a rollout again from its evidence and compare the bytes')
    .action(async (id: string) => {
      const report = await replay(options().dataDir, id)
      print(report, () => describe(report))
      for (const engine of new Set(report.verdicts.map((verdict) => verdict.engine))) {
        if (engine === PACKAGE_VERSION) continue
        warn(`verdicts of ${engine === '' ? 'an older release' : `release ${engine}`} were recomputed by ${PACKAGE_VERSION}`)
      }
      const wrong = report.verdicts.find(({ outcome }) => outcome === 'different')
      if (wrong !== undefined) throw new RegistryError('VERDICT_DIFFERS', `verdict ${wrong.number}: ${wrong.difference}`)
    })
}

async function replay (dataDir: string, id: string): Promise<ReplayReport> {
  const [{ Registry }, { replayVerdict }] = await Promise.all([
    import('../../registry/registry.js'), import('../rollouts/replay.js')
  ])
  const registry = Registry.open({ dataDir, now: Date.now, heal: false })
  try {
    const entries = registry.audit().list({ subject: id, limit: DIGEST_ENTRIES_MAX })
    const digests = new Map(entries.filter(({ action }) => action === 'rollout.verdict')
      .map(({ details }) => [details['number'], String(details['digest'])]))
    const verdicts = [...registry.rollouts.eachVerdict(id)]
      .map((stored) => replayVerdict(stored, digests.get(stored.number) ?? null))
    const count = (wanted: Replayed['outcome']): number => verdicts.filter(({ outcome }) => outcome === wanted).length
    const { saved, kept } = registry.rollouts.countVerdicts(id)
    const counts = { saved, dropped: saved - kept, different: count('different'), unknown: count('unknown') }
    return { rollout: id, engine: PACKAGE_VERSION, ...counts, verdicts }
  } finally {
    registry.close()
  }
}

function describe ({ saved, dropped, different, unknown, verdicts }: ReplayReport): string {
  const equal = verdicts.length - different - unknown
  const untold = unknown === 0 ? '' : `, ${unknown} without what was asked of the metrics`
  return [
    formatTable([
      ['VERDICT', 'AT', 'DECISION', 'MOVED', 'OUTCOME', 'DIFFERENCE'],
      ...verdicts.map(({ number, at, decision, acted, outcome, difference }) => [
        String(number), new Date(at).toISOString(), decision, acted ? 'yes' : 'no', outcome, difference ?? '-'
      ])
    ]),
    `${equal} equal, ${different} different${untold}; ${dropped} of ${saved} were dropped, none of which moved the rollout`
  ].join('\n')
}
