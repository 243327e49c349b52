import { detectDrift } from '../../../evaluators/drift/detect.js'
import { kolmogorovSmirnov } from '../../../evaluators/drift/kolmogorov-smirnov.js'
import { maximumMeanDiscrepancy } from '../../../evaluators/drift/maximum-mean-discrepancy.js'
import { wasserstein1 } from '../../../evaluators/drift/wasserstein.js'
import { seededRandom, type Random } from '../../../evaluators/statistics/random.js'
import type { BenchRow } from './row.js'

const MILLION = 1_000_000

/** Best of three runs, each on the same input. */
function best (run: () => void): number {
  const times = Array.from({ length: 3 }, () => {
    const start = performance.now()
    run()
    return performance.now() - start
  })
  return Math.min(...times)
}

const normals = (n: number, random: Random): Float64Array => Float64Array.from({ length: n }, () => random.normal())

/** Drift tests on normal samples: the time of one call, in milliseconds, best of three. */
export function benchDrift (): BenchRow[] {
  const random = seededRandom(1)
  const [x, y] = [normals(MILLION, random), normals(MILLION, random)]
  const vectors = (n: number): Float64Array[] => Array.from({ length: n }, () => normals(64, random))
  const [a, b] = [vectors(500), vectors(500)]
  const table = (): Record<string, Float64Array> =>
    Object.fromEntries(Array.from({ length: 20 }, (_, i) => [`c${i}`, normals(100_000, random)]))
  const [reference, current] = [table(), table()]
  const columns = Object.fromEntries(Object.keys(reference).map((name) => [name, 'numeric'] as const))
  return [
    {
      name: 'two-sample Kolmogorov-Smirnov, 10^6 + 10^6',
      value: best(() => kolmogorovSmirnov(x, y)),
      unit: 'ms',
      goal: '<= 350 ms',
      beside: 'SciPy on 2 cores: about 350 ms'
    },
    { name: 'Wasserstein-1, 10^6 + 10^6', value: best(() => wasserstein1(x, y)), unit: 'ms' },
    {
      name: 'MMD, 500 x 500 vectors of 64, 199 permutations',
      value: best(() => maximumMeanDiscrepancy(a, b, { random })),
      unit: 'ms'
    },
    {
      name: 'detectDrift, 20 numeric columns, 10^5 + 10^5 rows',
      value: best(() => detectDrift(reference, current, columns, { random })),
      unit: 'ms',
      beside: '2 x 2,000,000 values'
    }
  ]
}
