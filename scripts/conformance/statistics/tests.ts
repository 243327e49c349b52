import { mannWhitney, mannWhitneyExact } from '../../../evaluators/statistics/mann-whitney.js'
import {
  benjaminiHochberg, benjaminiYekutieli, bonferroni, holm, rejectAt
} from '../../../evaluators/statistics/multiple-testing.js'
import { samplesToDistinguish } from '../../../evaluators/statistics/power.js'
import {
  clopperPearsonInterval, compareProportions, wilsonInterval
} from '../../../evaluators/statistics/proportion-tests.js'
import {
  detectableEffect, powerAt, proportionSamplesPerArm, samplePairs, samplesPerArm, samplesPerArmOfT
} from '../../../evaluators/statistics/sample-size.js'
import { equivalenceTest, pairedEquivalenceTest } from '../../../evaluators/statistics/tost.js'
import { welchTest, type Interval } from '../../../evaluators/statistics/welch.js'
import type { Compute } from '../format.js'

interface Samples { readonly x: readonly number[], readonly y: readonly number[] }

/** Tests, adjusted p-values and sample sizes under the names that the reference files give them. */
export const testStatistics: Readonly<Record<string, Compute>> = {
  mann_whitney_u: (input) => mannWhitneyFigures(input as unknown as Samples),
  welch_t: (input) => welchFigures(input as unknown as Samples),
  tost: equivalenceFigures,
  two_proportion: proportionFigures,
  p_adjust: adjustedFigures,
  sample_size_power: (input) => 'p1' in input ? proportionSizes(input) : meanSizes(input)
}

function mannWhitneyFigures ({ x, y }: Samples): Record<string, unknown> {
  const test = mannWhitney(x, y)
  const isOneValue = [...x, ...y].every((value) => value === x[0])
  return {
    U1: test.u,
    auc: test.auc,
    has_ties: test.hasTies,
    // The files write p as undefined when nothing differs, and give ours beside it.
    p_no_continuity: isOneValue ? null : test.pTwoSided,
    p_continuity: isOneValue ? null : test.pTwoSidedContinuity,
    p_less_continuity: isOneValue ? null : test.pLessContinuity,
    p_when_degenerate: isOneValue ? test.pTwoSided : null,
    p_exact: mannWhitneyExact(x, y)?.pTwoSided ?? null
  }
}

function welchFigures ({ x, y }: Samples): Record<string, unknown> {
  const test = welchTest(x, y)
  if (!test.defined) return { defined: false, reason: test.reason, diff: test.difference }
  return {
    defined: true,
    diff: test.difference,
    t: test.t,
    df: test.df,
    p_two_sided: test.pTwoSided,
    p_greater: test.pGreater,
    ci95: asList(test.interval),
    cohens_d: test.cohensD,
    hedges_g_approx: test.hedgesG
  }
}

function equivalenceFigures (input: Record<string, unknown>): Record<string, unknown> {
  const { x, y, challenger, champion, low, upp, paired } = input as unknown as Samples & {
    challenger: number[], champion: number[], low: number, upp: number, paired?: boolean
  }
  const bounds = { low, high: upp }
  const test = paired === true ? pairedEquivalenceTest(challenger, champion, bounds) : equivalenceTest(x, y, bounds)
  if (!test.defined) return { defined: false, reason: test.reason }
  const { p, tLower, pLower, tUpper, pUpper, df } = test
  return { defined: true, p, t_lower: tLower, p_lower: pLower, t_upper: tUpper, p_upper: pUpper, df }
}

function proportionFigures (input: Record<string, unknown>): Record<string, unknown> {
  const { count1, n1, count2, n2 } = input as { count1: number, n1: number, count2: number, n2: number }
  const [champion, challenger] = [{ events: count1, n: n1 }, { events: count2, n: n2 }]
  const { difference, z, p, newcombe, agrestiCaffo } = compareProportions(champion, challenger)
  return {
    diff_2_minus_1: difference,
    z_pooled: z,
    p_pooled: p,
    newcombe95: asList(newcombe),
    agresti_caffo95: asList(agrestiCaffo),
    wilson95_1: asList(wilsonInterval(champion)),
    wilson95_2: asList(wilsonInterval(challenger)),
    clopper_pearson95_1: asList(clopperPearsonInterval(champion)),
    clopper_pearson95_2: asList(clopperPearsonInterval(challenger))
  }
}

function adjustedFigures (input: Record<string, unknown>): Record<string, unknown> {
  const { p, q } = input as { p: number[], q?: number }
  const adjusted = {
    bh: benjaminiHochberg(p), by: benjaminiYekutieli(p), holm: holm(p), bonferroni: bonferroni(p)
  }
  if (q === undefined) return adjusted
  const rejected = Object.entries(adjusted).map(([name, values]) => [`${name}_reject`, rejectAt(values, q)])
  return { ...adjusted, ...Object.fromEntries(rejected) as Record<string, boolean[]> }
}

function meanSizes (input: Record<string, unknown>): Record<string, unknown> {
  const plan = input as { alpha: number, power: number, effect: number, sd: number }
  const sequence = { gap: plan.effect, variance: 4 * plan.sd ** 2, alpha: plan.alpha, plannedSamples: 5_000 }
  return {
    n_per_arm_normal_two_sided: samplesPerArm(plan),
    n_per_arm_t_two_sided: samplesPerArmOfT(plan),
    n_per_arm_noninferiority: samplesPerArm({ ...plan, sides: 1 }),
    n_pairs_normal_two_sided: samplePairs(plan),
    power_normal_at_n_per_arm_500: powerAt(plan, 500),
    mde_two_sided_at_n_per_arm_500: detectableEffect(plan, 500),
    asympcs_total_N_median_stop_nstar5000: samplesToDistinguish(sequence),
    asympcs_total_N_power_nstar5000: samplesToDistinguish({ ...sequence, power: plan.power })
  }
}

function proportionSizes (input: Record<string, unknown>): Record<string, unknown> {
  const plan = input as { p1: number, p2: number, alpha: number, power: number }
  return {
    n_per_arm_unpooled: proportionSamplesPerArm(plan),
    n_per_arm_pooled_null: proportionSamplesPerArm({ ...plan, method: 'pooled' }),
    n_per_arm_arcsine: proportionSamplesPerArm({ ...plan, method: 'arcsine' })
  }
}

function asList ({ lower, upper }: Interval): [number, number] {
  return [lower, upper]
}
