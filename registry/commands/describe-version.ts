import type { RemoteServing, Serving } from '../serving.js'
import { describeReport, type SignatureReport } from '../signing/report.js'
import { formatTable } from '../table.js'
import type { VersionDetail } from '../versions.js'
import { nameOf, timeOf } from './words.js'

/** One version as lines of text, with `more` of what and its value. */
export function describeVersion (detail: VersionDetail, signature: SignatureReport, more: string[][] = []): string {
  const specs = (kind: string, list: Serving['inputs']) =>
    list.map(({ name, datatype, shape }) => [kind, `${name} ${datatype} [${shape.join()}]`])
  return formatTable([
    ['version', nameOf(detail)],
    ['digest', detail.digest],
    ['aliases', detail.aliases.join(',') || '-'],
    ['task', detail.task],
    ...detail.serving.runtime === 'remote' ? [['runs at', placeOf(detail.serving.backend)]] : [],
    ['size', `${detail.sizeBytes} bytes`],
    ['published', timeOf(detail.createdAt)],
    ['signature', describeReport(signature)],
    ...specs('input', detail.inputs),
    ...specs('output', detail.outputs),
    ...more
  ])
}

/** Which model of which server a remote version is. */
function placeOf ({ url, modelName, modelVersion }: RemoteServing['backend']): string {
  return `${url}, ${modelName}${modelVersion === undefined ? '' : `:${modelVersion}`}`
}
