/** What the composition lends to the commands that evaluate files. */
export interface EvaluationContext {
  readonly options: () => { readonly dataDir: string, readonly json?: true }
  readonly signal: AbortSignal
  readonly print: (json: unknown, text: () => string) => void
  readonly warn: (line: string) => void
}
