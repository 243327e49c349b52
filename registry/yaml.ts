import { Lexer, parse, Parser, YAMLParseError } from 'yaml'

/** Aliases that are followed in a document that a person writes for a gateway. */
export const ALIASES_MAX = 100

/** Lists and objects within each other. */
const NESTING_MAX = 64

/** A text is no YAML, or is nested too deeply; the message says where. */
export class YamlFault extends Error {
  override readonly name = 'YamlFault'
}

/**
 * The value of YAML or JSON. Nesting is bounded before anything recurses into it: the parser calls itself once per
 * level, and a stack that runs out while a regular expression is compiled ends the process, not the call.
 * @param aliasesMax how many aliases are followed, so that a short text cannot become a long one
 * @throws YamlFault
 */
export function parseYaml (text: string, aliasesMax = 0): unknown {
  refuseDeep(text)
  try {
    return parse(text, { maxAliasCount: aliasesMax, prettyErrors: false, logLevel: 'silent' })
  } catch (error) {
    if (!(error instanceof YAMLParseError || error instanceof ReferenceError)) throw error
    throw new YamlFault(error.message, { cause: error })
  }
}

/** Reads no further than to the first that is too deep. O(bytes). */
function refuseDeep (text: string): void {
  const parser = new Parser()
  for (const lexeme of new Lexer().lex(text)) {
    Array.from(parser.next(lexeme)) // whole documents, which are of no interest here
    if (parser.stack.length > NESTING_MAX) throw new YamlFault(`it is nested more than ${NESTING_MAX} levels deep, at character ${parser.offset}`)
  }
}
