/** One wrong place of a document: `path` is a JSON pointer with dots, e.g. `strategy.canary.steps[0].setWeight`. */
export interface Fault { readonly path: string, readonly message: string }

/** A document that was refused whole; every wrong path is named. */
export class SpecError extends Error {
  override readonly name = 'SpecError'

  constructor (readonly faults: readonly Fault[]) {
    super(faults.map((fault) => `${fault.path || '(document)'}: ${fault.message}`).join('; '))
  }
}
