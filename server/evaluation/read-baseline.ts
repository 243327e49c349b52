import { sketchBaseline } from '../../evaluators/drift/baseline.js'
import type { Table } from '../../evaluators/drift/drift-result.js'
import { samplePlaces } from '../../evaluators/drift/sampling.js'
import { seededRandom } from '../../evaluators/statistics/random.js'
import type { BaselineRequest, DescribedBaseline } from '../../registry/serving/baseline-request.js'
import { GatewayError } from '../errors.js'
import { parseField } from './fields.js'
import { LINE_BYTES_MAX } from './formats.js'
import { withRows } from './open-dataset.js'
import { startProgress } from './progress.js'
import { readColumns } from './read-columns.js'
import { typeColumns } from './type-columns.js'

const ROWS_BYTES_MAX = 64 * 1024 ** 2
const SEED = 1

/**
 * Reads training data, a file or `dataset:NAME`, and gives what travels with a model: a sketch, and on request some
 * rows. The same data give the same bytes.
 * @throws GatewayError, RegistryError as for any table; EvaluatorError when the sketch does not fit
 */
export async function readBaseline (
  { path, columns, header, rows: wanted, bytesMax, dataDir, isQuiet }: BaselineRequest, signal: AbortSignal
): Promise<DescribedBaseline> {
  const progress = startProgress('reading', { stream: process.stderr, isJson: isQuiet, environment: process.env })
  try {
    const fields = columns === null ? null : new Map(columns.map((name) => [name, parseField(name)]))
    const options = { lineBytesMax: LINE_BYTES_MAX, signal, dataDir, header: header ?? undefined }
    const values = await withRows(path, options, async (table) =>
      await readColumns(table, { fields, limit: null, onShare: (share) => { progress.update(share) } }))
    const { data, kinds, left } = typeColumns(path, values, { isChosen: columns !== null, types: {} })
    const { sketch, left: vectors } = sketchBaseline(data, kinds, { random: seededRandom(SEED), bytesMax })
    return {
      baseline: sketch,
      rows: wanted === 0 ? null : sampleRows(path, data, values.rows, wanted),
      notes: [...left, ...vectors.map((name) => `${name} holds vectors and was left out: a sketch of them would be some of them`)]
    }
  } finally {
    progress.stop()
  }
}

/** JSON lines of a seeded sample, in the order of the file. @throws GatewayError BAD_REQUEST when they are too large */
function sampleRows (path: string, data: Table, count: number, wanted: number): Buffer {
  const lines: Buffer[] = []
  let sizeBytes = 0
  for (const place of samplePlaces(count, wanted, seededRandom(SEED))) {
    const row = Object.fromEntries(Object.entries(data).map(([name, column]) => [name, cellOf(column[place])]))
    const line = Buffer.from(`${JSON.stringify(row)}\n`)
    sizeBytes += line.length
    if (sizeBytes > ROWS_BYTES_MAX) {
      throw new GatewayError('BAD_REQUEST', `${path}: ${wanted} rows have more than ${ROWS_BYTES_MAX} bytes; keep fewer`)
    }
    lines.push(line)
  }
  return Buffer.concat(lines)
}

/** A missing number is NaN in a column of numbers. */
function cellOf (cell: unknown): unknown {
  return typeof cell === 'number' && Number.isNaN(cell) ? null : cell
}
