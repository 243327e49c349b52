// eslint-disable-next-line no-control-regex -- control characters are exactly what is replaced
const CONTROL = /[\u0000-\u001f\u007f-\u009f]/g

/** Rows as left-aligned columns two spaces apart; what a hostile model put into a name cannot move the cursor. Pure. */
export function formatTable (rows: ReadonlyArray<readonly string[]>): string {
  const clean = rows.map((row) => row.map((cell) => cell.replace(CONTROL, '?')))
  const widths = (clean[0] ?? []).map((_, column) => Math.max(...clean.map((row) => row[column]?.length ?? 0)))
  return clean
    .map((row) => row.map((cell, column) => cell.padEnd(widths[column] ?? 0)).join('  ').trimEnd())
    .join('\n')
}
