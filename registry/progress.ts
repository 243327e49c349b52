/** How work that takes long tells how far it is; whoever started it decides whether anybody sees that. */
export interface TransferProgress {
  /** One piece of work begins: `totalBytes` null when nobody knows, `doneBytes` when part of it was done before. */
  readonly start: (label: string, totalBytes: number | null, doneBytes?: number) => void
  readonly add: (bytes: number) => void
  readonly end: () => void
}
