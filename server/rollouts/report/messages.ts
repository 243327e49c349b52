/** What the thread that writes post-mortems is started with. */
export interface ReportWork {
  readonly dataDir: string
  /** Rollouts whose reports are kept; beyond it the oldest go. */
  readonly keepMax: number
}

/** The rollout whose report is to be written; the next one is asked for when this one was answered. */
export interface ToReporter { readonly id: string }

/** `skipped`: its document asks for none after such an end. */
export type FromReporter =
  | { readonly kind: 'written' | 'skipped' }
  | { readonly kind: 'failed', readonly message: string }
