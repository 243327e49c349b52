import { userInfo } from 'node:os'
import { Command, CommanderError } from 'commander'
import { EvaluatorError } from '../evaluators/errors.js'
import { ModelsError } from '../models/errors.js'
import { addRegistryCommands } from '../registry/commands.js'
import { VersionsDiffer } from '../registry/commands/diff.js'
import { RegistryError } from '../registry/errors.js'
import { ApiError, apiClient } from './commands/api-client.js'
import { addCompareCommand } from './commands/compare.js'
import { addCompletionCommands } from './commands/completion.js'
import { addDoctorCommand } from './commands/doctor.js'
import { addDriftCommand } from './commands/drift.js'
import type { EvaluationContext } from './commands/evaluation-context.js'
import { GateRefused } from './commands/gate-refused.js'
import { addJudgeCommand } from './commands/judge.js'
import { addOverrideCommand } from './commands/override.js'
import { addPowerCommand } from './commands/power.js'
import { addProbeCommand } from './commands/probe.js'
import { addRolloutCommands } from './commands/rollout.js'
import { addScoreCommand } from './commands/score.js'
import { addVerdictCommands } from './commands/verdict.js'
import { addServeCommand } from './commands/serve.js'
import { lazyDatasetReader, lazyReadBaseline } from './dataset-reads.js'
import { GatewayError, STATUS } from './errors.js'
import { MODEL_RUNS } from './model-runs.js'
import { SpecError } from './rollouts/spec-error.js'
import { PACKAGE_VERSION } from './version.js'

/** Exit codes: stable, and listed in the manual. */
export const EXIT = {
  ok: 0,
  unexpected: 1,
  usage: 2,
  notFound: 3,
  validation: 4,
  auth: 5,
  refused: 6,
  verification: 7,
  unavailable: 8,
  conflict: 9,
  interrupted: 130
} as const

const VERIFICATION = new Set<string>([
  'DIGEST_MISMATCH', 'BLOB_MISSING', 'LAYOUT_CORRUPT', 'SIGNATURE_REQUIRED', 'SIGNATURE_INVALID',
  'GOLDEN_FAILED', 'AUDIT_BROKEN', 'VERDICT_DIFFERS'
])

interface GlobalOptions { dataDir: string, json?: true, server: string, color: boolean }

/**
 * Runs the `gauntlet` command. Data goes to stdout, talk to stderr.
 * @param argv the arguments behind the program's name
 * @returns the exit code
 */
export async function run (argv: readonly string[], signal: AbortSignal): Promise<number> {
  const program = buildProgram(signal)
  try {
    // Not an option of the program: `publish --version V` is one of a command, and means something else.
    const words = argv[0] === '--version' ? ['version', ...argv.slice(1)] : [...argv]
    await program.parseAsync(words, { from: 'user' })
    return EXIT.ok
  } catch (error) {
    if (error instanceof CommanderError) return error.exitCode === 0 ? EXIT.ok : EXIT.usage
    if (signal.aborted) return EXIT.interrupted
    process.stderr.write(`gauntlet: ${error instanceof Error ? error.message : String(error)}\n`)
    return exitCodeOf(error)
  }
}

function buildProgram (signal: AbortSignal): Command {
  const program = new Command('gauntlet')
    .description('Champion-challenger model-serving gateway: publish models, serve them, put challengers on trial.')
    .exitOverride()
    .showHelpAfterError('(run with --help for what is expected)')
    .configureHelp({ showGlobalOptions: true })
    .option('--json', 'print data as JSON on stdout')
    .option('--data-dir <folder>', 'folder of the registry and all state', process.env['GAUNTLET_DATA_DIR'] ?? '.gauntlet')
    .option('--no-color', 'no colours, as NO_COLOR in the environment; FORCE_COLOR has them even where there is no terminal')
    .option('--server <url>', 'the running gateway to talk to', process.env['GAUNTLET_SERVER'] ?? 'http://127.0.0.1:8080')
  const options = (): GlobalOptions => program.opts<GlobalOptions>()
  program.hook('preAction', () => { if (!options().color) process.env['NO_COLOR'] = '1' })
  const print = (json: unknown, text: () => string): void => {
    process.stdout.write(`${options().json === true ? JSON.stringify(json, null, 2) : text()}\n`)
  }
  const warn = (line: string): void => { process.stderr.write(`${line}\n`) }
  const actor = (): string => process.env['GAUNTLET_ACTOR'] ?? userInfo().username
  addRegistryCommands(program, {
    open: async () => {
      const [{ Registry }, { cacheBytesMax }] = await Promise.all([
        import('../registry/registry.js'), import('./config.js')
      ])
      const { dataDir } = options()
      return Registry.open({ dataDir, now: Date.now, cacheBytesMax: cacheBytesMax(process.env), warn })
    },
    ...MODEL_RUNS,
    datasetReader: lazyDatasetReader(signal),
    readBaseline: lazyReadBaseline(signal),
    actor,
    print,
    warn,
    signal
  })
  addServeCommand(program, { options, signal, print })
  addRolloutCommands(program, { options, api: () => apiClient(options().server, actor(), signal), print, warn, signal })
  addProbeCommand(program, { options, signal, print })
  addVerdictCommands(program, { options, print, warn })
  addEvaluationCommands(program, { options, signal, print, warn })
  addOverrideCommand(program, { print })
  addDoctorCommand(program, { options, print })
  addCompletionCommands(program, { options, print })
  program.command('version').description('print the version').action(() => { print({ version: PACKAGE_VERSION }, () => PACKAGE_VERSION) })
  return program
}

function addEvaluationCommands (program: Command, context: EvaluationContext): void {
  addScoreCommand(program, context)
  addCompareCommand(program, context)
  addDriftCommand(program, context)
  addJudgeCommand(program, context)
  addPowerCommand(program, context)
}

function exitCodeOf (error: unknown): number {
  if (error instanceof SpecError || error instanceof EvaluatorError) return EXIT.validation
  if (error instanceof GateRefused || error instanceof VersionsDiffer) return EXIT.refused
  if (error instanceof ApiError) return exitCodeOfStatus(error.status)
  if (!(error instanceof RegistryError || error instanceof ModelsError || error instanceof GatewayError)) {
    return EXIT.unexpected
  }
  if (VERIFICATION.has(error.code)) return EXIT.verification
  if (error.code === 'SOURCE_NOT_FOUND') return EXIT.notFound
  if (error.code === 'LOAD_FAILED') return EXIT.validation
  return exitCodeOfStatus(STATUS[error.code])
}

function exitCodeOfStatus (status: number): number {
  if (status === 404) return EXIT.notFound
  if (status === 409) return EXIT.conflict
  if (status === 400 || status === 413 || status === 422) return EXIT.validation
  if (status === 401 || status === 403) return EXIT.auth
  return status === 0 || [502, 503, 504, 507].includes(status) ? EXIT.unavailable : EXIT.unexpected
}
