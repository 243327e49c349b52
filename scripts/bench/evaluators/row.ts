/**
 * One line of the evaluators' bench: what was measured, the figure with its unit, the goal in the same unit where there
 * is one, and what it stands beside (another program's figure, the size of the input).
 */
export interface BenchRow {
  readonly name: string
  readonly value: number
  readonly unit: string
  readonly goal?: string
  readonly beside?: string
}
