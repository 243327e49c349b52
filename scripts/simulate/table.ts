import type { Section } from './experiment.js'
import { DECISION_RULE } from './metrics.js'
import { TWO_SIDED } from './procedures.js'
import { RAMP } from './ramp.js'
import { RARE_EVENTS } from './rare-events.js'
import { EQUAL_ARMS, NON_INFERIORITY, TRUE_EFFECTS } from './two-arms.js'

const TITLES = ['naive Welch t at every look', 't, one look at the end', 'Bonferroni over looks', 'sequence N* = 5,000', 'sequence N* = 20,000']

/** All tables, in the order of the documentation. */
export const TABLE: readonly Section[] = [
  {
    title: 'No difference between the arms (two-sided 0.05), promote / rollback',
    columns: TWO_SIDED.map(({ name }, i) => ({ title: TITLES[i]!, keys: [`${name} promote`, `${name} rollback`] })),
    experiments: [...EQUAL_ARMS, ...RARE_EVENTS]
  },
  NON_INFERIORITY, TRUE_EFFECTS, DECISION_RULE, RAMP
]
