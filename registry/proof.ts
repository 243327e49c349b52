import type { AliasRequest } from './aliases.js'
import { RegistryError } from './errors.js'
import type { Materialised } from './materialise.js'
import { CHAMPION, quote } from './names.js'
import type { Prove } from './running.js'

/** Whether a move is one to a new champion, which has to be proven fit. Pure. */
export function isProofNeeded ({ alias, version, isForced }: AliasRequest, current: string | null): boolean {
  return alias === CHAMPION && version !== current && isForced !== true
}

/**
 * Loads a version and runs its golden examples before it may become champion. Versions never change, so what was proven
 * still holds when the alias moves a moment later.
 * @throws RegistryError VERSION_UNFIT with what `prove` said; what materialising throws
 */
export async function proveFit (
  { name, version }: AliasRequest, materialise: () => Promise<Materialised>, prove: Prove
): Promise<void> {
  const { directory, serving, release } = await materialise()
  try {
    await prove({ name, version, directory, serving })
  } catch (error) {
    throw new RegistryError('VERSION_UNFIT',
      `version ${quote(version)} of ${quote(name)} cannot become ${CHAMPION}: ${(error as Error).message}; ` +
      'force it, with a reason, to set it nevertheless', { cause: error })
  } finally {
    release()
  }
}
