import { once } from 'node:events'
import { mkdtemp, rm } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { inspectModel } from '../models/inspect.js'
import { Registry } from '../registry/registry.js'
import { buildDemoModels } from './demo/models.js'
import { Progress } from './demo/progress.js'
import { Sessions } from './demo/sessions.js'
import { runTrial } from './demo/trial.js'
import { type Listening, startGateway, stop } from './support/process.js'

const MODEL = 'ticket-triage'
const SEED = 20_261
const keep = process.argv.includes('--keep')

if (process.argv.includes('--help')) {
  process.stdout.write('npm run demo [-- --keep]\n\nBuilds three versions of a ticket classifier, serves the first, puts the others on trial.\n--keep leaves the gateway running until Ctrl-C.\n')
} else {
  process.exitCode = await main()
}

async function main (): Promise<number> {
  const directory = await mkdtemp(join(tmpdir(), 'gauntlet-demo-'))
  const abort = new AbortController()
  // Not once: a terminal and the runner in between may both pass one Ctrl-C on.
  for (const signal of ['SIGINT', 'SIGTERM'] as const) process.on(signal, () => { abort.abort() })
  let gateway: Listening | null = null
  try {
    const say = new Progress()
    say.title('1. Three versions of a ticket classifier, trained here and now')
    const { versions, heldOut } = await buildDemoModels(join(directory, 'models'), SEED)
    for (const version of versions) {
      say.line(`${version.version}  held-out accuracy ${(version.heldOutAccuracy * 100).toFixed(1)} %  ${version.description}`)
    }
    const dataDir = join(directory, 'data')
    await publish(dataDir, versions, say)
    abort.signal.throwIfAborted()
    gateway = await startGateway(dataDir)
    const { url } = gateway
    say.line(`gauntlet serve --data-dir ${dataDir}  ->  ${url}`)
    const sessions = new Sessions(url, MODEL, heldOut, SEED)
    const context = { url, model: MODEL, sessions, say, signal: abort.signal }
    say.title('2. Version 2.0.0 goes on trial: better, so it should become champion')
    const better = await runTrial(context, '2.0.0')
    say.title('3. Version 3.0.0 goes on trial: two labels swapped, so it should be rolled back')
    const broken = await runTrial(context, '3.0.0')
    say.title('Where to look')
    say.line(`every verdict with its evidence: ${url}/api/rollouts/${better.id}/verdicts`)
    say.line(`metrics: ${url}/metrics   interface: ${url}/api/openapi.json`)
    if (keep) await untilInterrupted(abort.signal, say)
    else say.line('the gateway ends now; npm run demo -- --keep leaves it running')
    say.line(outcomeLine(better.state, '2.0.0'))
    say.line(outcomeLine(broken.state, '3.0.0'))
    return better.state === 'promoted' && broken.state === 'rolled-back' ? 0 : 1
  } catch (error) {
    if (!abort.signal.aborted) process.stderr.write(`${(error as Error).stack}\n`)
    return abort.signal.aborted ? 130 : 1
  } finally {
    if (gateway !== null) await stop(gateway)
    await rm(directory, { recursive: true, force: true })
  }
}

async function publish (
  dataDir: string,
  versions: readonly { version: string, path: string }[],
  say: Progress
): Promise<void> {
  const registry = Registry.open({ dataDir, now: Date.now })
  try {
    for (const { version, path } of versions) {
      const alias = version === '1.0.0' ? { alias: 'champion' } : {}
      const { detail } = await registry.publish({ path, name: MODEL, version, actor: 'demo', ...alias }, inspectModel)
      say.line(`published ${MODEL}:${version}  ${detail.digest.slice(0, 19)}  ${detail.aliases.join(' ')}`)
    }
  } finally {
    registry.close()
  }
}

async function untilInterrupted (signal: AbortSignal, say: Progress): Promise<void> {
  say.line('the gateway stays up: Ctrl-C ends it')
  const alive = setInterval(() => {}, 60_000)
  if (!signal.aborted) await once(signal, 'abort')
  clearInterval(alive)
}

function outcomeLine (state: string, version: string): string {
  return `${state === 'rolled-back' ? 'rolled back' : state} ${MODEL}:${version}`
}
