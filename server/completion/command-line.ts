import type { Command, Option } from 'commander'

/** A command line that is being written, as far as it can be understood. */
export interface CommandLine {
  /** The innermost command that was named. */
  readonly command: Command
  /** Arguments of that command before the current word. */
  readonly given: readonly string[]
  /** Values of options before the current word, by their long flag. */
  readonly values: ReadonlyMap<string, string>
  /** The option whose value the current word is. */
  readonly valueOf: Option | null
  /** What stands before the value within the current word: `--alias=`. */
  readonly prefix: string
  /** The current word, or the part of it that is the value of an option. */
  readonly current: string
  /** After `--` there are no options. */
  readonly isOptionsEnded: boolean
}

/**
 * Reads a command line as commander would, but takes anything.
 * @param words those behind the program's name, the last being the one that is written now, maybe empty
 */
export function parseCommandLine (program: Command, words: readonly string[]): CommandLine {
  let [command, valueOf, isOptionsEnded] = [program, null as Option | null, false]
  const given: string[] = []
  const values = new Map<string, string>()
  for (const word of words.slice(0, -1)) {
    if (valueOf !== null) {
      values.set(valueOf.long ?? valueOf.flags, word)
      valueOf = null
    } else if (!isOptionsEnded && word === '--') {
      isOptionsEnded = true
    } else if (!isOptionsEnded && word.startsWith('-') && word !== '-') {
      const at = word.indexOf('=')
      const option = optionOf(command, at < 0 ? word : word.slice(0, at))
      if (at >= 0) values.set(option?.long ?? word.slice(0, at), word.slice(at + 1))
      else if (takesValue(option)) valueOf = option
    } else {
      const inner = given.length === 0 ? command.commands.find((each) => each.name() === word) : undefined
      if (inner === undefined) given.push(word)
      else command = inner
    }
  }
  const last = words.at(-1) ?? ''
  const common = { command, given, values, isOptionsEnded }
  const [, flag, value] = valueOf === null && !isOptionsEnded ? /^(--[^=]+)=(.*)$/s.exec(last) ?? [] : []
  const named = flag === undefined ? null : optionOf(command, flag)
  if (flag !== undefined && takesValue(named)) return { ...common, valueOf: named, prefix: `${flag}=`, current: value! }
  return { ...common, valueOf, prefix: '', current: last }
}

/** The options that a command takes, with those of the commands around it; hidden ones left out. */
export function optionsOf (command: Command): Option[] {
  const help = command.createHelp()
  return [...help.visibleOptions(command), ...help.visibleGlobalOptions(command)]
}

function optionOf (command: Command, flag: string): Option | null {
  return optionsOf(command).find(({ long, short }) => long === flag || short === flag) ?? null
}

function takesValue (option: Option | null): option is Option {
  return option !== null && (option.required || option.optional)
}
