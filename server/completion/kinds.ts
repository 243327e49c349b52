import type { Argument, Option } from 'commander'

/** What a word can be: something that is known by name, a path, rows (a path or `dataset:NAME`), or anything. */
export type WordKind =
  | 'reference' | 'reference-or-file' | 'reference-or-rows' | 'model' | 'version' | 'alias' | 'rollout' | 'file' | 'rows'
  | 'anything'

const ARGUMENTS: Readonly<Record<string, WordKind>> = {
  reference: 'reference',
  a: 'reference',
  b: 'reference',
  name: 'model',
  version: 'version',
  alias: 'alias',
  aliases: 'alias',
  id: 'rollout',
  target: 'reference-or-file',
  path: 'file',
  file: 'file',
  source: 'file',
  config: 'file',
  metrics: 'file',
  current: 'rows'
}

const OPTIONS: Readonly<Record<string, WordKind>> = {
  '--name': 'model',
  '--version': 'version',
  '--as': 'version',
  '--expect': 'version',
  '--alias': 'alias',
  '--parent': 'reference',
  '--encoder': 'reference'
}

const PLACEHOLDERS: Readonly<Record<string, WordKind>> = { file: 'file', folder: 'file', path: 'file', data: 'rows' }

/** Words that mean something else in one command, by its path and the name of the argument or option. */
const EXCEPTIONS: Readonly<Record<string, WordKind>> = {
  'export target': 'file',
  'push target': 'anything',
  'pull source': 'anything',
  'drift reference': 'reference-or-rows',
  'score file': 'rows',
  'compare file': 'rows',
  'keys trust --name': 'anything',
  'rollout list --model': 'model'
}

/** What an argument of a command can be. */
export function kindOfArgument (path: string, argument: Argument): WordKind {
  return EXCEPTIONS[`${path} ${argument.name()}`] ?? ARGUMENTS[argument.name()] ?? 'anything'
}

/** What the value of an option can be: by its name, or by what its help calls the value. */
export function kindOfOption (path: string, option: Option): WordKind {
  const { long = '', flags } = option
  const placeholder = /[<[]([^>\]]+)[>\]]/.exec(flags)?.[1] ?? ''
  return EXCEPTIONS[`${path} ${long}`] ?? OPTIONS[long ?? ''] ?? PLACEHOLDERS[placeholder] ?? 'anything'
}
