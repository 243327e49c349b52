import type { Command } from 'commander'
import { optionsOf, parseCommandLine, type CommandLine } from './command-line.js'
import { kindOfArgument, kindOfOption, type WordKind } from './kinds.js'

/** What can be named: read from the registry when it is needed. */
export interface Known {
  /** Models and datasets. */
  readonly models: () => readonly string[]
  readonly datasets: () => readonly string[]
  /** Newest first. */
  readonly versions: (model: string) => readonly string[]
  readonly aliases: (model: string) => ReadonlyArray<{ readonly alias: string, readonly version: string }>
  /** Newest first. */
  readonly rollouts: () => ReadonlyArray<{ readonly id: string, readonly description: string }>
}

export interface Candidate { readonly value: string, readonly description: string }

export interface Completion {
  readonly candidates: readonly Candidate[]
  /** Whether the word may also be a path, which the shell knows best. */
  readonly isFile: boolean
}

/** So many candidates are offered; more help nobody. */
export const CANDIDATES_MAX = 200

/** What the name of a dataset stands behind where rows are read. */
const DATASET = 'dataset:'

const CHAMPION = { value: 'champion', description: 'the version that answers by default' }

/**
 * What the last word of a command line can become.
 * @param words those behind the program's name, the last being the one that is written now, maybe empty
 * @param openKnown reads names, given the data directory that the command line names
 */
export function complete (
  program: Command, words: readonly string[], openKnown: (dataDir: string | undefined) => Known
): Completion {
  const line = parseCommandLine(program, words)
  const { command, current, prefix, valueOf, isOptionsEnded } = line
  const known = (): Known => openKnown(line.values.get('--data-dir'))
  const { candidates, isFile } = valueOf === null && !isOptionsEnded && current.startsWith('-')
    ? { candidates: optionCandidates(command), isFile: false }
    : valueOf === null ? wordCandidates(line, known) : valueCandidates(line, known)
  const fitting = candidates.filter(({ value }) => value.startsWith(current)).slice(0, CANDIDATES_MAX)
  return { candidates: fitting.map(({ value, ...rest }) => ({ value: `${prefix}${value}`, ...rest })), isFile }
}

function optionCandidates (command: Command): Candidate[] {
  return optionsOf(command).map(({ long, short, description }) => ({ value: long ?? short ?? '', description }))
}

function valueCandidates (line: CommandLine, known: () => Known): Completion {
  const option = line.valueOf!
  if (option.argChoices !== undefined) return { candidates: plain(option.argChoices), isFile: false }
  return candidatesOf(kindOfOption(pathOf(line.command), option), line, known)
}

function wordCandidates (line: CommandLine, known: () => Known): Completion {
  const { command, given } = line
  if (command.commands.length > 0 && given.length === 0) {
    const inner = command.createHelp().visibleCommands(command)
    return { candidates: inner.map((each) => ({ value: each.name(), description: each.description() })), isFile: false }
  }
  const { registeredArguments: all } = command
  const argument = all[given.length] ?? (all.at(-1)?.variadic === true ? all.at(-1) : undefined)
  if (argument === undefined) return { candidates: [], isFile: false }
  if (argument.argChoices !== undefined) return { candidates: plain(argument.argChoices), isFile: false }
  return candidatesOf(kindOfArgument(pathOf(command), argument), line, known)
}

function candidatesOf (kind: WordKind, line: CommandLine, known: () => Known): Completion {
  const isFile = kind === 'file' || kind === 'reference-or-file' || kind === 'rows' || kind === 'reference-or-rows'
  const candidates = (): readonly Candidate[] => {
    switch (kind) {
      case 'model': return plain(known().models())
      case 'version': return plain(known().versions(modelOf(line)))
      case 'alias': return aliasCandidates(known().aliases(modelOf(line)))
      case 'rollout': return known().rollouts().map(({ id, description }) => ({ value: id, description }))
      case 'reference':
      case 'reference-or-file': return referenceCandidates(line.current, known())
      case 'reference-or-rows': return [...referenceCandidates(line.current, known()), ...datasetCandidates(known())]
      case 'rows': return datasetCandidates(known())
      case 'file':
      case 'anything': return []
    }
  }
  return { candidates: candidates(), isFile }
}

/** Names; versions and aliases as soon as it is clear whose. */
function referenceCandidates (current: string, known: Known): Candidate[] {
  const [, name, separator] = /^([^:@]+)([:@])/.exec(current) ?? []
  const names = name === undefined ? known.models().filter((each) => each.startsWith(current)) : [name]
  const whole = name === undefined ? plain(names) : []
  if (names.length !== 1) return whole
  const [model] = names as [string]
  const aliases = known.aliases(model)
  const pointing = (version: string): string =>
    aliases.filter((each) => each.version === version).map(({ alias }) => alias).join(', ')
  return [
    ...whole,
    ...separator === ':' ? [] : aliases.map(({ alias, version }) => ({ value: `${model}@${alias}`, description: version })),
    ...separator === '@'
      ? []
      : known.versions(model).map((version) => ({ value: `${model}:${version}`, description: pointing(version) }))
  ]
}

function datasetCandidates (known: Known): Candidate[] {
  return plain(known.datasets().map((name) => `${DATASET}${name}`))
}

function aliasCandidates (aliases: ReturnType<Known['aliases']>): Candidate[] {
  const there = aliases.map(({ alias, version }) => ({ value: alias, description: version }))
  return there.some(({ value }) => value === CHAMPION.value) ? there : [...there, CHAMPION]
}

/** The model that the command line is about: its first argument, or `--name`. */
function modelOf ({ given, values }: CommandLine): string {
  return values.get('--name') ?? given[0]?.split(/[:@]/)[0] ?? ''
}

function plain (values: readonly string[]): Candidate[] {
  return values.map((value) => ({ value, description: '' }))
}

/** `alias set`, without the program's name. */
function pathOf (command: Command): string {
  const names: string[] = []
  for (let each: Command | null = command; each?.parent != null; each = each.parent) names.unshift(each.name())
  return names.join(' ')
}
