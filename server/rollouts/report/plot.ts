import { Html, html } from './escape.js'
import type { Series, SeriesPoint, WeightPoint } from './model.js'
import { effect, lasting, marginOf } from './words.js'

const WIDTH = 720
const LEFT = 72
const RIGHT = 12
const TOP = 8
const BOTTOM = 22
const TICKS = 4

/** The smaller side of zero has at least this share of the greater one. */
const LEAST_SIDE = 0.2

/** What a plot's horizontal axis covers, in ms since the epoch. */
export interface Span { readonly from: number, readonly until: number }

interface Frame {
  readonly height: number
  readonly x: (at: number) => number
  readonly y: (value: number) => number
}

/** The challenger's share and the mirrored share over time, as steps, in SVG. Pure. */
export function plotWeights (weights: readonly WeightPoint[], span: Span): Html {
  const frame = frameOf(110, span, { min: 0, max: 10_000 })
  const isMirrored = weights.some(({ mirrorBps }) => mirrorBps > 0)
  const steps = (of: (point: WeightPoint) => number): string => weights.map((point, i) => {
    const move = i === 0 ? `M${n(frame.x(point.at))} ${n(frame.y(of(point)))}` : `H${n(frame.x(point.at))}V${n(frame.y(of(point)))}`
    return i === weights.length - 1 ? `${move}H${n(frame.x(span.until))}` : move
  }).join('')
  const shares = [0, 5_000, 10_000].map((value) => level(frame, value, `${value / 100} %`, 'grid'))
  return html`<figure><figcaption>Share of the sessions on the challenger${isMirrored ? ', dashed: share of the requests that are mirrored' : ''}</figcaption>${
    drawing(frame, span, 'weight over time', html`${shares}${
      isMirrored ? html`<path class="mirror" d="${steps(({ mirrorBps }) => mirrorBps)}"/>` : new Html('')
    }<path class="weight" d="${steps(({ weightBps }) => weightBps)}"/>`)}</figure>`
}

/**
 * The effect of a metric with its interval over time, in SVG: zero is the champion's line, and the margin's is that
 * below which harm begins. What lies beyond the frame is cut off, so that the first wide intervals do not flatten the
 * rest. `place` tells the plots of a page apart. Pure.
 */
export function plotSeries (series: Series, span: Span, place: number): Html {
  const { points, margin, marginKind, isTwoSided, name } = series
  const cut = `cut-${place}`
  const margins = margin === null ? [] : isTwoSided ? [-margin, margin] : [-margin]
  const range = rangeOf(points, margins)
  const frame = frameOf(170, span, range)
  const clamp = (value: number): number => Math.min(frame.height, Math.max(-frame.height, value))
  const at = ({ at }: SeriesPoint, value: number): string => `${n(frame.x(at))} ${n(clamp(frame.y(value)))}`
  const upper = points.map((point) => at(point, point.upper ?? Infinity))
  const lower = points.map((point) => at(point, point.lower ?? -Infinity)).reverse()
  const line = points.map((point) => at(point, point.estimate ?? 0))
  const last = points.at(-1)!
  return html`<figure><figcaption>${name}: effect and its interval; above zero the challenger is better</figcaption>${
    drawing(frame, span, `effect of ${name} over time`, html`<clipPath id="${cut}"><rect x="${LEFT}" y="${TOP}" width="${WIDTH - LEFT - RIGHT}" height="${frame.height - TOP - BOTTOM}"/></clipPath>${
      level(frame, 0, 'champion', 'zero')}${
      margins.map((value) => level(frame, value, `margin ${marginOf(series)}`, 'margin'))}${
      [range.max, range.min].map((value) => level(frame, value, effect(value, marginKind), 'grid'))
    }<g clip-path="url(#${cut})"><path class="band" d="M${upper.concat(lower).join('L')}Z"/><path class="estimate" d="M${line.join('L')}"/><circle class="last" cx="${n(frame.x(last.at))}" cy="${n(clamp(frame.y(last.estimate ?? 0)))}" r="3"/></g>`)
  }</figure>`
}

interface Range { readonly min: number, readonly max: number }

/** How far a plot reaches to both sides of zero: what the last look, the margins, and half of all looks need. */
function rangeOf (points: readonly SeriesPoint[], margins: readonly number[]): Range {
  const reach = (side: 1 | -1): number => {
    const sizes = points.map(({ lower, upper, estimate }) =>
      Math.max(0, ...[lower, upper, estimate].map((x) => side * (x ?? 0))))
    const median = sizes.toSorted((a, b) => a - b)[Math.floor(sizes.length / 2)] ?? 0
    return 1.15 * Math.max(sizes.at(-1) ?? 0, median, ...margins.map((margin) => 1.5 * side * margin))
  }
  const [below, above] = [reach(-1), reach(1)]
  const least = Math.max(below, above) * LEAST_SIDE || 1
  return { min: -Math.max(below, least), max: Math.max(above, least) }
}

function frameOf (height: number, { from, until }: Span, { min, max }: Range): Frame {
  const duration = Math.max(1, until - from)
  return {
    height,
    x: (at) => LEFT + Math.min(1, Math.max(0, (at - from) / duration)) * (WIDTH - LEFT - RIGHT),
    y: (value) => TOP + (max - value) / (max - min) * (height - TOP - BOTTOM)
  }
}

function drawing (frame: Frame, { from, until }: Span, label: string, content: Html): Html {
  const ticks = Array.from({ length: TICKS + 1 }, (_, i) => {
    const at = from + (until - from) * i / TICKS
    const anchor = i === 0 ? 'start' : i === TICKS ? 'end' : 'middle'
    return html`<text x="${n(frame.x(at))}" y="${frame.height - 6}" text-anchor="${anchor}">${i === 0 ? '0' : lasting(at - from)}</text>`
  })
  return html`<svg viewBox="0 0 ${WIDTH} ${frame.height}" role="img" aria-label="${label}">${content}${ticks}</svg>`
}

/** A horizontal line; the margin's name stands under its right end, for zero may be near. */
function level (frame: Frame, value: number, label: string, kind: 'grid' | 'zero' | 'margin'): Html {
  const [at, y] = [frame.y(value), n(frame.y(value))]
  const [x, under] = kind === 'margin' ? [WIDTH - RIGHT, n(at + 12)] : [LEFT - 6, n(at + 4)]
  return html`<line class="${kind}" x1="${LEFT}" x2="${WIDTH - RIGHT}" y1="${y}" y2="${y}"/><text class="${kind}" x="${x}" y="${under}" text-anchor="end">${label}</text>`
}

/** A coordinate: a tenth of a pixel is enough. */
function n (value: number): string {
  return String(Number(value.toFixed(1)))
}
