import type { Cell } from './compare.js'
import type { Column, Section } from './experiment.js'

/** The cells of each row of a section, by the row's name. */
export interface SectionResult { readonly section: Section, readonly rows: ReadonlyMap<string, readonly Cell[]> }

/** What stands around the table in a document. */
const MARKERS = { begin: '<!-- simulation table: begin -->', end: '<!-- simulation table: end -->' } as const

/** A document with the table between the markers replaced. @throws Error when a marker is missing */
export function replaceTable (document: string, table: string): string {
  const [begin, end] = [document.indexOf(MARKERS.begin), document.indexOf(MARKERS.end)]
  if (begin < 0 || end < begin) throw new Error(`expected the lines ${MARKERS.begin} and ${MARKERS.end}`)
  return `${document.slice(0, begin)}${MARKERS.begin}\n\n${table}\n${document.slice(end)}`
}

/** All sections as Markdown: each figure with the reference's in brackets, and a cross when it is out of tolerance. */
export function tableOf (results: readonly SectionResult[]): string {
  return results.filter(({ rows }) => rows.size > 0).map(({ section, rows }) => [
    `**${section.title}**`,
    '',
    line(['', ...section.columns.map(({ title }) => title), 'repetitions']),
    line(['---', ...section.columns.map(() => '---'), '---']),
    ...[...rows].map(([name, cells]) => line([
      name,
      ...section.columns.map((column) => figure(column, cells)),
      (cells[0]?.reps ?? 0).toLocaleString('en')
    ])),
    ''
  ].join('\n')).join('\n')
}

function figure ({ keys }: Column, cells: readonly Cell[]): string {
  const found = keys.map((key) => cells.find((cell) => cell.key === key)).filter((cell) => cell !== undefined)
  if (found.length === 0) return ''
  const got = found.map(({ got, kind }) => shown(got, kind)).join(' / ')
  const wanted = found.map(({ target, kind }) => shown(target, kind)).join(' / ')
  return `${got} (${wanted})${found.every(({ isWithin }) => isWithin) ? '' : ' ✗'}`
}

function shown (value: number | null, kind: Cell['kind']): string {
  if (value === null) return 'never'
  return kind === 'share' ? (100 * value).toFixed(1) : Math.round(value).toLocaleString('en')
}

function line (cells: readonly string[]): string {
  return `| ${cells.join(' | ')} |`
}
