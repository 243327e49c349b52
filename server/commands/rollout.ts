import type { Command } from 'commander'
import type { Act, ApiClient, RolloutView } from './api-client.js'
import { addRolloutPlanCommands, parseDocument, readDocument } from './rollout-plan.js'
import { addReportCommand } from './rollout-report.js'
import { addSimulateCommand } from './rollout-simulate.js'
import { rolloutLine, rolloutText } from './rollout-text.js'

export interface RolloutCommandsContext {
  readonly options: () => { readonly dataDir: string, readonly json?: true }
  readonly api: () => ApiClient
  readonly print: (json: unknown, text: () => string) => void
  readonly warn: (line: string) => void
  readonly signal: AbortSignal
}

const ACTS: Readonly<Record<Act, string>> = {
  pause: 'hold the weight until somebody resumes',
  resume: 'go on: past a pause, or with a verdict that paused accepted',
  skip: 'take the present step for done; of a promotion that is watched: the watch',
  off: 'switch the challenger off for everybody at once; the rollout goes on when it is switched on',
  on: 'switch it on again',
  promote: 'make the challenger champion now',
  rollback: 'send everybody back to the champion now; of a promoted rollout: to the champion before'
}

/** `gauntlet rollout …`: everything here talks to a running gateway. */
export function addRolloutCommands (program: Command, context: RolloutCommandsContext): void {
  const { api, print } = context
  const rollout = program.command('rollout').description('put a challenger on trial, watch it, act on it')
  addRolloutPlanCommands(rollout, context)
  addSimulateCommand(rollout, context)
  addReportCommand(rollout, context)
  rollout.command('start')
    .description('start a rollout from a document (YAML or JSON)')
    .requiredOption('-f, --file <path>', 'the document; - reads standard input')
    .option('--allow-signature-change', 'accept other inputs, outputs or labels than the champion\'s')
    .action(async (options: { file: string, allowSignatureChange?: true }) => {
      const text = await readDocument(options.file)
      const document = await parseDocument(text, options.file)
      const body = options.allowSignatureChange === true ? { ...document, allowSignatureChange: true } : document
      const view = await api().post<RolloutView>('/api/rollouts', JSON.stringify(body), 'application/json')
      print(view, () => rolloutText(view))
    })
  rollout.command('list')
    .description('all rollouts, newest first')
    .option('--model <name>', 'of one model')
    .action(async (options: { model?: string }) => {
      const query = options.model === undefined ? '' : `?model=${encodeURIComponent(options.model)}`
      const views = await api().get<RolloutView[]>(`/api/rollouts${query}`)
      print(views, () => views.map(rolloutLine).join('\n') || 'no rollouts')
    })
  rollout.command('status <id>')
    .description('state, weight and verdict')
    .action(async (id: string) => {
      const view = await api().get<RolloutView>(pathOf(id))
      print(view, () => rolloutText(view))
    })
  rollout.command('watch <id>')
    .description('follow a rollout until it ends: drawn on a terminal, else a line for each thing that happens')
    .action(async (id: string) => {
      const { watchRollout } = await import('./watch.js')
      await watchRollout(id, { ...context, terminal: process.stderr.isTTY ? process.stderr : null })
    })
  for (const [act, description] of Object.entries(ACTS)) {
    rollout.command(`${act} <id>`)
      .description(description)
      .option('--reason <text>', 'why; kept in the record', 'by hand')
      .action(async (id: string, { reason }: { reason: string }) => {
        const view = await api().post<RolloutView>(`${pathOf(id)}/${act}`, JSON.stringify({ reason }), 'application/json')
        print(view, () => rolloutText(view))
      })
  }
}

const pathOf = (id: string): string => `/api/rollouts/${encodeURIComponent(id)}`
