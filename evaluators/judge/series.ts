import { EvaluatorError } from '../errors.js'
import { JsonPlace } from './json.js'
import { MAGNITUDE_MAX } from './rank-shift.js'

/** The values of one metric (of one set of tags), one per time step and side; NaN where a step has no data. */
export interface MetricSeries {
  readonly name: string
  /** The metric's name, with its tags if it has any: `latency{zone=a}`. */
  readonly id: string
  readonly tags: Readonly<Record<string, string>>
  readonly control: Float64Array
  readonly experiment: Float64Array
}

/**
 * Reads the measured series: `{ name: { control, experiment, tags? } }`, or a list of `{ name, tags?, control,
 * experiment }`. A value is a number of a magnitude up to 1e150, or null, NaN or "NaN" for a step without data. A side
 * that is missing is as long as the other, without data. O(values).
 *
 * @param document what JSON.parse gave, or the same with typed arrays
 * @param argument how messages call the document
 * @param pointsMin steps of the window: a shorter side is continued without data up to this length
 * @throws EvaluatorError MALFORMED, naming the place, also for a name and tags that come twice
 */
export function parseMetricSeries (document: unknown, argument = 'metrics', pointsMin = 0): MetricSeries[] {
  const root = new JsonPlace(document, argument)
  if (!root.exists) throw root.fault('an object or a list')
  const named: Array<[string, JsonPlace]> = Array.isArray(document)
    ? root.items().map((place) => [place.field('name').text(), place])
    : root.fields()
  const ids = new Set<string>()
  return named.map(([name, place]) => {
    const series = parseSeries(name, place, pointsMin)
    if (ids.has(series.id)) throw new EvaluatorError('MALFORMED', place.path, `expected each metric and its tags once, got ${series.id} again`)
    ids.add(series.id)
    return series
  })
}

/** A series of a metric that nothing was measured of. */
export function emptySeries (name: string, pointsMin = 0): MetricSeries {
  return { name, id: name, tags: {}, control: withoutData(pointsMin), experiment: withoutData(pointsMin) }
}

function parseSeries (name: string, place: JsonPlace, pointsMin: number): MetricSeries {
  if (!place.exists) throw place.fault('an object with control and experiment')
  const tags = place.field('tags').fields().map(([tag, value]): [string, string] => [tag, value.text()])
  const [control, experiment] = [parseSide(place.field('control')), parseSide(place.field('experiment'))]
  if (control === null && experiment === null) throw place.fault('control and experiment')
  const count = Math.max(pointsMin, control === null || experiment === null ? (control ?? experiment)!.length : 0)
  const written = tags.toSorted(([a], [b]) => a < b ? -1 : 1).map(([tag, value]) => `${tag}=${value}`).join(',')
  return {
    name,
    id: written === '' ? name : `${name}{${written}}`,
    tags: Object.fromEntries(tags),
    control: pad(control, count),
    experiment: pad(experiment, count)
  }
}

function parseSide (place: JsonPlace): Float64Array | null {
  if (!place.exists) return null
  const { value: values } = place
  if (!Array.isArray(values) && !isNumeric(values)) throw place.fault('a list of numbers')
  const parsed = new Float64Array(values.length)
  for (let i = 0; i < values.length; i++) {
    const value: unknown = values[i]
    if (value === null || value === 'NaN' || Number.isNaN(value)) parsed[i] = NaN
    else if (typeof value === 'number' && Math.abs(value) <= MAGNITUDE_MAX) parsed[i] = value
    else throw new JsonPlace(value, `${place.path}[${i}]`).fault(`a number up to ${MAGNITUDE_MAX}, or null or "NaN" for no data`)
  }
  return parsed
}

function isNumeric (values: unknown): values is Float64Array {
  return ArrayBuffer.isView(values) && !(values instanceof DataView)
}

function pad (values: Float64Array | null, count: number): Float64Array {
  if (values !== null && values.length >= count) return values
  const padded = withoutData(count)
  if (values !== null) padded.set(values)
  return padded
}

const withoutData = (count: number): Float64Array => new Float64Array(count).fill(NaN)
