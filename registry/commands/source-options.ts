import { Option, type Command } from 'commander'
import { DTYPES } from '../dtype.js'
import type { SourceSelection } from '../source.js'

/** What the options of `addSourceOptions` give. */
export type SourceFlags = Pick<SourceSelection, 'dtype' | 'exclude'>

/** Options of commands that publish from a folder. */
export function addSourceOptions (command: Command): Command {
  return command
    .addOption(new Option('--dtype <type>', 'which variant of the model, by the ending of its file name').choices(DTYPES))
    .option('--exclude <pattern>', 'leave files of a folder out, for example "*.bin"; may be repeated',
      (pattern: string, before: readonly string[] = []) => [...before, pattern])
}

/** One line about what was left out; null when that is nothing. */
export function describeOmitted (omitted: readonly string[] = []): string | null {
  if (omitted.length === 0) return null
  const more = omitted.length > 5 ? ` and ${omitted.length - 5} more` : ''
  return `left out: ${omitted.slice(0, 5).map((path) => JSON.stringify(path)).join(', ')}${more}`
}
