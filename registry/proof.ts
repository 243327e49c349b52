import type { AliasRequest } from './aliases.js'
import { RegistryError } from './errors.js'
import type { Materialised } from './materialise.js'
import { CHAMPION, quote } from './names.js'
import type { Prove } from './running.js'

type Wish = Pick<AliasRequest, 'name' | 'version' | 'isForced'> & { readonly alias?: string }

/** The files of a version, until they are given back. */
type Files = Pick<Materialised, 'directory' | 'serving'> & { readonly release?: () => void }

/** Whether a move is one to a new champion, which has to be proven fit. Pure. */
export function isProofNeeded ({ alias, version, isForced }: Wish, current: string | null): boolean {
  return alias === CHAMPION && version !== current && isForced !== true
}

/**
 * Loads a version and runs its golden examples before it may become champion. Versions never change, so what was proven
 * still holds when the alias moves a moment later.
 * @throws RegistryError VERSION_UNFIT with what `prove` said; what materialising throws
 */
export async function proveFit (request: Wish, files: () => Promise<Files>, prove: Prove): Promise<void> {
  const unfit = await findUnfit(request, files, prove)
  if (unfit !== null) throw unfit
}

/** As `proveFit`, for who has to end its work before it fails: null when the version is fit. */
export async function findUnfit (
  { name, version }: Wish, files: () => Promise<Files>, prove: Prove
): Promise<RegistryError | null> {
  const { directory, serving, release } = await files()
  try {
    await prove({ name, version, directory, serving })
    return null
  } catch (error) {
    return new RegistryError('VERSION_UNFIT',
      `version ${quote(version)} of ${quote(name)} cannot become ${CHAMPION}: ${(error as Error).message}; ` +
      'force it, with a reason, to set it nevertheless', { cause: error })
  } finally {
    release?.()
  }
}

/** The same refusal of a version that was made all the same, as it is asked of it only as champion. */
export function standing (unfit: RegistryError, did: string): RegistryError {
  return new RegistryError(unfit.code, `${did}, but not as ${CHAMPION}: ${unfit.message}`, { cause: unfit.cause })
}

/** A wish without its alias, which is left where it points. */
export function withoutAlias<Request extends Wish> (request: Request): Omit<Request, 'alias'> {
  const { alias, ...rest } = request
  return rest
}
