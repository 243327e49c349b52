import { andersonDarling } from '../../../evaluators/drift/anderson-darling.js'
import { cramerVonMises } from '../../../evaluators/drift/cramer-von-mises.js'
import { outcomeIsError, startDdm, updateDdm } from '../../../evaluators/drift/ddm.js'
import {
  greatestDifference, hellingerDistance, jensenShannonDistance, kullbackLeibler, totalVariation
} from '../../../evaluators/drift/distances.js'
import { centroidCosineDistance, centroidDistance } from '../../../evaluators/drift/embeddings.js'
import {
  kolmogorovSmirnov, kolmogorovSmirnovExactP, kolmogorovSmirnovLimitP, kolmogorovSmirnovRoundedP,
  kolmogorovSmirnovStephensP
} from '../../../evaluators/drift/kolmogorov-smirnov.js'
import { maximumMeanDiscrepancy } from '../../../evaluators/drift/maximum-mean-discrepancy.js'
import { startPageHinkley, updatePageHinkley } from '../../../evaluators/drift/page-hinkley.js'
import { populationStability, stabilityOfCounts } from '../../../evaluators/drift/population-stability.js'
import { energyDistance, wasserstein1, wasserstein1Normed } from '../../../evaluators/drift/wasserstein.js'
import { chiSquareTest, cramersV, fisherExact, gTest, yatesTest } from '../../../evaluators/statistics/contingency.js'
import type { Compute } from '../format.js'

type Counts = Readonly<Record<string, number>>

/** Figures of two-sample, distance and stream statistics, by their names in a statistics file. */
export const driftStatistics: Readonly<Record<string, Compute>> = {
  ks_two_sample (input) {
    const [x, y] = [input['x'], input['y']] as [number[], number[]]
    const { statistic } = kolmogorovSmirnov(x, y)
    return {
      D: statistic,
      p_exact: kolmogorovSmirnovExactP(statistic, x.length, y.length),
      p_kstwo_rounded_en: kolmogorovSmirnovRoundedP(statistic, x.length, y.length),
      p_kolmogorov_limit: kolmogorovSmirnovLimitP(statistic, x.length, y.length),
      p_stephens: kolmogorovSmirnovStephensP(statistic, x.length, y.length)
    }
  },
  psi: (input) => 'reference_counts' in input ? stabilityOfCategories(input) : stabilityOfNumbers(input),
  chi_square (input) {
    const table = input['table'] as number[][]
    const [pearson, likelihood, yates] = [chiSquareTest(table), gTest(table), yatesTest(table)]
    return {
      statistic: pearson.statistic,
      p: pearson.p,
      dof: pearson.degreesOfFreedom,
      cramers_v: cramersV(table),
      g_statistic: likelihood.statistic,
      g_p: likelihood.p,
      yates_statistic: yates?.statistic,
      yates_p: yates?.p
    }
  },
  fisher_exact (input) {
    const { oddsRatio, pTwoSided, pLess, pGreater } = fisherExact(input['table'] as number[][])
    return { odds_ratio: oddsRatio, p_two_sided: pTwoSided, p_less: pLess, p_greater: pGreater }
  },
  discrete_distances (input) {
    const [p, q] = [input['p'], input['q']] as [number[], number[]]
    return {
      js_distance_base2: jensenShannonDistance(p, q),
      js_distance_e: jensenShannonDistance(p, q, 'e'),
      kl_e: kullbackLeibler(p, q),
      hellinger: hellingerDistance(p, q),
      tvd: totalVariation(p, q),
      linf: greatestDifference(p, q)
    }
  },
  wasserstein (input) {
    const [reference, current] = [input['reference'], input['current']] as [number[], number[]]
    const isTold = Math.min(reference.length, current.length) >= 2
    return {
      w1: wasserstein1(reference, current),
      w1_normed: wasserstein1Normed(reference, current),
      energy_distance: energyDistance(reference, current),
      cvm_statistic: isTold ? cramerVonMises(reference, current).statistic : null
    }
  },
  anderson_darling_ksample (input) {
    const { statistic, criticalValues, pCapped } = andersonDarling(input['samples'] as number[][])
    return { statistic, critical_values: criticalValues, p_capped: pCapped }
  },
  mmd (input) {
    const [x, y, permutations] = [input['x'], input['y'], input['permutations']] as [number[][], number[][], number[][]]
    const { sigma, unbiased, biased, p } = maximumMeanDiscrepancy(x, y, { permutations })
    return {
      sigma,
      mmd2_unbiased: unbiased,
      mmd2_biased: biased,
      p_permutation: p,
      centroid_euclidean: centroidDistance(x, y),
      centroid_cosine_distance: centroidCosineDistance(x, y)
    }
  },
  streaming: (input) => 'error' in input ? firstDdmLevels(input['error'] as number[]) : firstPageHinkleyAlarm(input)
}

function stabilityOfCategories (input: Record<string, unknown>): Record<string, unknown> {
  const [reference, current] = [input['reference_counts'], input['current_counts']] as [Counts, Counts]
  const categories = [...new Set([...Object.keys(reference), ...Object.keys(current)])]
  const counts = (of: Counts): number[] => categories.map((category) => of[category] ?? 0)
  return {
    psi_floor: stabilityOfCounts(counts(reference), counts(current)),
    psi_laplace: stabilityOfCounts(counts(reference), counts(current), 'laplace')
  }
}

function stabilityOfNumbers (input: Record<string, unknown>): Record<string, unknown> {
  const [reference, current] = [input['reference'], input['current']] as [number[], number[]]
  const stability = populationStability(reference, current, input['bins'] as number)
  return {
    edges: stability.edges,
    ref_counts: stability.referenceCounts,
    cur_counts: stability.currentCounts,
    psi_floor: stability.floor,
    psi_laplace: stability.laplace
  }
}

/** 1-based place of the first alarm, null when there is none. */
function firstPageHinkleyAlarm (input: Record<string, unknown>): Record<string, unknown> {
  const { x, delta, threshold, min_instances: instancesMin } = input as Record<string, number> & { x: number[] }
  let state = startPageHinkley({ delta: delta!, threshold: threshold!, instancesMin: instancesMin! })
  const first = x.findIndex((value) => {
    const next = updatePageHinkley(state, value)
    state = next.state
    return next.level === 'drift'
  })
  return { first_alarm: first < 0 ? null : first + 1 }
}

/** 1-based places of the first warning, or worse, and of the first drift; null when there is none. */
function firstDdmLevels (errors: readonly number[]): Record<string, unknown> {
  let state = startDdm()
  const levels = errors.map((error, i) => {
    const next = updateDdm(state, outcomeIsError(`error[${i}]`, error))
    state = next.state
    return next.level
  })
  const place = (at: number): number | null => at < 0 ? null : at + 1
  return {
    first_warning: place(levels.findIndex((level) => level !== 'stable')),
    first_drift: place(levels.indexOf('drift'))
  }
}
