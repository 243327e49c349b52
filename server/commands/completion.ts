import { homedir } from 'node:os'
import type { Command } from 'commander'
import type { Catalogue } from '../../registry/catalogue.js'
import type { Completion, Known } from '../completion/complete.js'
import { SCRIPTS, SHELLS, type Shell } from '../completion/scripts.js'

export interface CompletionContext {
  readonly options: () => { readonly dataDir: string }
  readonly print: (json: unknown, text: () => string) => void
}

const VERSIONS_MAX = 100
const ROLLOUTS_MAX = 50
const NOTHING: Known = {
  models: () => [], datasets: () => [], versions: () => [], aliases: () => [], rollouts: () => []
}

const HELP = `
Examples:
  source <(gauntlet completion bash)                        in ~/.bashrc
  source <(gauntlet completion zsh)                         in ~/.zshrc, behind compinit
  gauntlet completion fish > ~/.config/fish/completions/gauntlet.fish`

/** `gauntlet completion`, and `gauntlet __complete`, which its scripts call. */
export function addCompletionCommands (program: Command, { options, print }: CompletionContext): void {
  program.command('completion')
    .description('print the script that lets a shell complete commands, options, and names in the registry')
    .addArgument(program.createArgument('<shell>', 'the shell').choices(SHELLS))
    .addHelpText('after', HELP)
    .action((shell: Shell) => { print({ shell, script: SCRIPTS[shell] }, () => SCRIPTS[shell]) })
  program.command('__complete', { hidden: true })
    .argument('[words...]')
    .action(async (words: string[]) => {
      try {
        await answer(program, words, options().dataDir)
      } catch {
        // Who presses the tab key wants no message; the command itself will have one.
      }
    })
}

async function answer (program: Command, words: readonly string[], usualDataDir: string): Promise<void> {
  const [{ complete }, { Catalogue }] = await Promise.all([
    import('../completion/complete.js'), import('../../registry/catalogue.js')
  ])
  const opened: Catalogue[] = []
  const openKnown = (dataDir: string | undefined): Known => {
    const catalogue = opened[0] ?? Catalogue.open(dataDir === undefined ? usualDataDir : expanded(dataDir))
    if (catalogue === null) return NOTHING
    if (opened.length === 0) opened.push(catalogue)
    return knownTo(catalogue)
  }
  try {
    write(complete(program, words, openKnown))
  } finally {
    opened[0]?.close()
  }
}

function knownTo (catalogue: Catalogue): Known {
  return {
    models: () => catalogue.models().map(({ name }) => name),
    datasets: () => catalogue.models().filter(({ kind }) => kind === 'dataset').map(({ name }) => name),
    versions: (model) => catalogue.versions(model, VERSIONS_MAX).map(({ version }) => version),
    aliases: (model) => catalogue.aliases(model),
    rollouts: () => catalogue.rollouts(ROLLOUTS_MAX).map(({ id, model, state }) => ({ id, description: `${model}, ${state}` }))
  }
}

/** As a shell would, had it run the command. */
function expanded (word: string): string {
  return word.replace(/^(['"])(.*)\1$/, '$2').replace(/^~(?=\/|$)/, homedir())
}

/** One candidate per line, its description behind a tab; a line without a value asks for paths. */
function write ({ candidates, isFile }: Completion): void {
  const lines = candidates.map(({ value, description }) => description === '' ? value : `${value}\t${description}`)
  process.stdout.write([...lines, ...isFile ? ['\tfiles'] : []].map((line) => `${line}\n`).join(''))
}
