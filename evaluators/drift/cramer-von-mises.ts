import { lnGamma } from '../statistics/special.js'
import { ascendingCopy } from './ascending.js'

/** The statistic T (midranks, > 0 even for equal samples) and its approximate p (0..1). */
export interface CramerVonMises { readonly statistic: number, readonly p: number }

/**
 * Two-sample Cramér–von Mises test: T = U/(nmN) − (4nm − 1)/(6N) with U = n Σ (r_i − i)² + m Σ (s_j − j)², where r and
 * s are the ranks of the samples among all N = n + m values, ties sharing the mean rank. p is the limit distribution at
 * T standardised by its exact mean and variance (absolute error of the limit's tail below 1e-12; ties are not corrected
 * for). Anderson (1962), Ann. Math. Statist. 33:1148-1159. O(N log N).
 *
 * @param x finite numbers of any unit, at least two
 * @param y same unit, at least two
 * @throws EvaluatorError EMPTY or NOT_FINITE
 */
export function cramerVonMises (x: ArrayLike<number>, y: ArrayLike<number>): CramerVonMises {
  const [a, b] = [ascendingCopy('x', x, 2), ascendingCopy('y', y, 2)]
  const [n, m] = [a.length, b.length]
  const total = n + m
  let [i, j, squaresX, squaresY] = [0, 0, 0, 0]
  while (i < n || j < m) {
    const at = i >= n ? b[j]! : j >= m ? a[i]! : Math.min(a[i]!, b[j]!)
    const [startX, startY] = [i, j]
    while (i < n && a[i] === at) i++
    while (j < m && b[j] === at) j++
    const midrank = (startX + startY + i + j + 1) / 2
    for (let k = startX + 1; k <= i; k++) squaresX += (midrank - k) ** 2
    for (let k = startY + 1; k <= j; k++) squaresY += (midrank - k) ** 2
  }
  const statistic = (squaresX / m + squaresY / n) / total - (4 * n * m - 1) / (6 * total)
  return { statistic, p: limitP(statistic, n, m) }
}

function limitP (statistic: number, n: number, m: number): number {
  const total = n + m
  const mean = (1 + 1 / total) / 6
  const spread = 4 * n * m * total - 3 * (n * n + m * m) - 2 * n * m
  const variance = (total + 1) * spread / (45 * total * total * 4 * n * m)
  const standardised = 1 / 6 + (statistic - mean) / Math.sqrt(45 * variance)
  return standardised < 0.003 ? 1 : Math.min(1, Math.max(0, 1 - limitLower(standardised)))
}

/** P(W <= x) = 1/(π^1.5 √x) Σ_k Γ(k+½)/k! · √(4k+1) · exp(−u)·K_¼(u), u = (4k+1)²/(16x): Anderson, Darling (1952). */
function limitLower (x: number): number {
  let sum = 0
  for (let k = 0; k < 60; k++) {
    const u = (4 * k + 1) ** 2 / (16 * x)
    if (2 * u > 740) break
    const term = Math.exp(lnGamma(k + 0.5) - lnGamma(k + 1) - 2 * u) * Math.sqrt(4 * k + 1) * scaledBesselK(u)
    sum += term
    if (term < 1e-17 * sum) break
  }
  return sum / (Math.PI ** 1.5 * Math.sqrt(x))
}

/**
 * exp(u)·K_¼(u) = ∫_0^∞ exp(−u (cosh t − 1)) cosh(t/4) dt by the trapezoid rule, which converges geometrically here.
 */
function scaledBesselK (u: number): number {
  const end = Math.acosh(1 + 40 / u)
  const steps = 200
  const width = end / steps
  let sum = 0.5
  for (let i = 1; i <= steps; i++) {
    const t = i * width
    sum += Math.exp(-u * (Math.cosh(t) - 1)) * Math.cosh(t / 4)
  }
  return sum * width
}
