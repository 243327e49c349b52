import { RegistryError } from './errors.js'

/** The alias of the version that answers by default. */
export const CHAMPION = 'champion'

const NAME = /^[a-z0-9]+([._-][a-z0-9]+)*(\/[a-z0-9]+([._-][a-z0-9]+)*)*$/
const NAME_LENGTH_MAX = 128
const VERSION = /^[A-Za-z0-9][A-Za-z0-9._+-]{0,127}$/
const ALIAS = /^[a-z][a-z0-9-]{0,63}$/

/** Names that mean something else in a URL of the inference protocol. */
const RESERVED_NAMES: ReadonlySet<string> = new Set(['stats'])

/** A model reference as people write it: `name`, `name:version` or `name@alias`. */
export type Reference =
  | { readonly name: string, readonly version: string }
  | { readonly name: string, readonly alias: string }

/** Refuses what is not a legal repository name of an OCI registry. @throws RegistryError INVALID_NAME */
export function checkName (name: string): void {
  if (name.length > NAME_LENGTH_MAX || !NAME.test(name)) {
    throw new RegistryError('INVALID_NAME',
      `model name ${quote(name)} must be at most ${NAME_LENGTH_MAX} characters: lower-case letters and digits, single ` +
      '. _ or - between them, parts separated by / (for example team/spam-filter)')
  }
  if (RESERVED_NAMES.has(name)) {
    throw new RegistryError('INVALID_NAME', `model name ${quote(name)} is reserved; choose another one`)
  }
}

/** @throws RegistryError INVALID_VERSION */
export function checkVersion (version: string): void {
  if (VERSION.test(version)) return
  throw new RegistryError('INVALID_VERSION',
    `version ${quote(version)} must be 1 to 128 letters, digits, . _ + or -, beginning with a letter or digit ` +
    '(for example 1.4.0)')
}

/** @throws RegistryError INVALID_ALIAS */
export function checkAlias (alias: string): void {
  if (ALIAS.test(alias)) return
  throw new RegistryError('INVALID_ALIAS',
    `alias ${quote(alias)} must be 1 to 64 lower-case letters, digits or -, beginning with a letter ` +
    '(for example champion)')
}

/** Splits a reference and checks each part; a bare name means its champion. */
export function parseReference (reference: string): Reference {
  const at = reference.search(/[:@]/)
  const name = at < 0 ? reference : reference.slice(0, at)
  const rest = reference.slice(at + 1)
  checkName(name)
  if (at < 0) return { name, alias: CHAMPION }
  if (reference[at] === '@') {
    checkAlias(rest)
    return { name, alias: rest }
  }
  checkVersion(rest)
  return { name, version: rest }
}

/** A value for a message: JSON-quoted, so that control characters cannot reach a terminal, and bounded. */
export function quote (value: string): string {
  return JSON.stringify(value.length > 160 ? `${value.slice(0, 160)}…` : value)
}
