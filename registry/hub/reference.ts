import { RegistryError } from '../errors.js'
import { quote } from '../names.js'

const PREFIX = 'hf:'
const ID = /^[A-Za-z0-9][A-Za-z0-9._-]{0,95}(\/[A-Za-z0-9][A-Za-z0-9._-]{0,95})?$/
const REVISION = /^[A-Za-z0-9][A-Za-z0-9._/+-]{0,254}$/

/** A repository of the hub at a branch, tag or commit. */
export interface HubReference {
  /** `owner/name`, or `name` alone for repositories without an owner. */
  readonly id: string
  readonly revision: string
}

/** Whether a source is a repository of the hub; a file or folder of that name is written `./hf:…`. */
export function isHubReference (source: string): boolean {
  return source.startsWith(PREFIX)
}

/**
 * `hf:owner/name` or `hf:owner/name@revision`; `main` when no revision is given.
 * @throws RegistryError SOURCE_INVALID
 */
export function parseHubReference (source: string, revision?: string): HubReference {
  const text = source.slice(PREFIX.length)
  const at = text.indexOf('@')
  const id = at < 0 ? text : text.slice(0, at)
  const inline = at < 0 ? undefined : text.slice(at + 1)
  if (!ID.test(id) || id.includes('..') || id.includes('--')) {
    throw new RegistryError('SOURCE_INVALID', `${quote(source)} must be hf:OWNER/NAME, or hf:OWNER/NAME@REVISION`)
  }
  if (inline !== undefined && revision !== undefined && inline !== revision) {
    throw new RegistryError('SOURCE_INVALID', `${quote(source)} names another revision than ${quote(revision)}; give one of them`)
  }
  const wanted = revision ?? inline ?? 'main'
  if (!REVISION.test(wanted) || wanted.includes('..')) {
    throw new RegistryError('SOURCE_INVALID', `revision ${quote(wanted)} must be a branch, a tag or a commit`)
  }
  return { id, revision: wanted }
}
