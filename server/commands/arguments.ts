import { InvalidArgumentError, Option, type Command } from 'commander'
import { FORMATS, LINE_BYTES_MAX, type Format } from '../evaluation/formats.js'

/** Parses an option that is a whole number from `min` to `max`. */
export function whole (min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && Number.isInteger(value) && value >= min && value <= max) return value
    throw new InvalidArgumentError(`expected a whole number from ${min} to ${max}`)
  }
}

/** Parses an option that is a number above `min` and below `max`. */
export function between (min: number, max: number): (text: string) => number {
  return (text) => {
    const value = Number(text)
    if (text.trim() !== '' && value > min && value < max) return value
    const range = max === Infinity ? `above ${min}` : `between ${min} and ${max}`
    throw new InvalidArgumentError(`expected a number ${range}`)
  }
}

/** Parses `a,b,c`; blanks around the names are left out. */
export function names (text: string): string[] {
  const parts = text.split(',').map((part) => part.trim())
  if (parts.every((part) => part !== '')) return parts
  throw new InvalidArgumentError('expected names with commas between them')
}

/** Parses `a,b`. */
export function twoNames (text: string): [string, string] {
  const [first, second, ...more] = names(text)
  if (first !== undefined && second !== undefined && more.length === 0) return [first, second]
  throw new InvalidArgumentError('expected two names with a comma between them')
}

/** What every command that reads a table can be told about it. */
export interface TableFlags {
  readonly format?: Format
  readonly header?: string[]
  readonly lineBytesMax: number
  readonly limit?: number
}

const SEED_MAX = 4_294_967_295

/** Adds the options of {@link TableFlags} to a command. */
export function addTableOptions (command: Command): Command {
  return command
    .addOption(new Option('--format <format>', 'what the file is, when its name does not tell').choices(FORMATS))
    .option('--header <names>', 'column names of a CSV or TSV file whose first line is already data', names)
    .option('--limit <rows>', 'read only the first so many rows', whole(1, Number.MAX_SAFE_INTEGER))
    .option('--line-bytes-max <bytes>', 'refuse a longer line', whole(1, 1_073_741_824), LINE_BYTES_MAX)
}

/** `--seed`, the same everywhere: the same seed gives the same figures. */
export function seedOption (): Option {
  return new Option('--seed <number>', 'of everything that is drawn at random').argParser(whole(0, SEED_MAX)).default(1)
}
