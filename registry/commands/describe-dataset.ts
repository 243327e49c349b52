import { describeReport, type SignatureReport } from '../signing/report.js'
import { formatTable } from '../table.js'
import type { DatasetDetail } from '../versions.js'
import { nameOf, timeOf } from './words.js'

/** One version of a dataset as lines of text. No value of a row is shown. */
export function describeDataset (detail: DatasetDetail, signature: SignatureReport): string {
  const { role, format, rows, files, columns, fields } = detail.dataset
  const meanings = (name: string) =>
    Object.entries(fields).filter(([, column]) => column === name).map(([field]) => field)
  return formatTable([
    ['version', nameOf(detail)],
    ['digest', detail.digest],
    ['aliases', detail.aliases.join(',') || '-'],
    ['role', role],
    ['format', format],
    ['rows', `${rows} in ${files.length} file${files.length === 1 ? '' : 's'}`],
    ['size', `${detail.sizeBytes} bytes`],
    ['published', timeOf(detail.createdAt)],
    ['signature', describeReport(signature)],
    ...columns.map(({ name, kind, missing }) => ['column', [
      name, kind, ...meanings(name).length > 0 ? [`(${meanings(name).join(', ')})`] : [],
      ...missing === 0 ? [] : [`missing in ${missing}`]
    ].join(' ')])
  ])
}
