type Environment = Readonly<Record<string, string | undefined>>

const CODES = { green: 32, yellow: 33, red: 31 } as const

/** A text in a colour, or as it is. */
export type Paint = (color: keyof typeof CODES, text: string) => string

/**
 * Whether output has colours: never where `NO_COLOR` is set to anything (no-color.org), which `--no-color` does; else
 * as `FORCE_COLOR` says, where it is set (0 and false: no); else on terminals that can. Pure.
 */
export function isColored (
  isTerminal: boolean, { NO_COLOR: none, FORCE_COLOR: forced, TERM: term }: Environment
): boolean {
  if (none !== undefined && none !== '') return false
  if (forced !== undefined) return forced !== '0' && forced !== 'false'
  return isTerminal && term !== 'dumb'
}

/** How to paint for a stream. */
export function painter (stream: { readonly isTTY?: boolean }, environment: Environment): Paint {
  if (!isColored(stream.isTTY === true, environment)) return (_, text) => text
  return (color, text) => `\u001B[${CODES[color]}m${text}\u001B[39m`
}
