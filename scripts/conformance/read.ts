import { readdirSync, readFileSync } from 'node:fs'
import { dirname, join, resolve } from 'node:path'
import type { Parsed, Source } from './format.js'

/**
 * Reads a file of reference figures: one JSON document, or one a line.
 * @throws Error when it cannot be read, or is neither
 */
export function readSource (path: string): Source {
  const text = readFileSync(path, 'utf8')
  return { path: resolve(path), parsed: parseFigures(text) }
}

/** A string, or a number that Python writes bare and JSON does not know. */
const BARE = /"(?:[^"\\]|\\.)*"|-?\b(?:NaN|Infinity)\b/g

function parseFigures (written: string): Parsed {
  const text = written.replace(BARE, (found) => found.startsWith('"') ? found : `"${found}"`)
  try {
    return { document: JSON.parse(text) }
  } catch (whole) {
    const lines = text.split('\n').filter((line) => line.trim() !== '')
    if (lines.length < 2) throw whole
    return { lines: lines.map((line, i) => parseLine(line, i)) }
  }
}

function parseLine (line: string, i: number): unknown {
  try {
    return JSON.parse(line)
  } catch (error) {
    throw new Error(`line ${i + 1}: ${(error as Error).message}`, { cause: error })
  }
}

/** The files given, then every other readable `*.json` and `*.jsonl` file of their folders, by name. */
export function companionsOf (given: readonly Source[]): Source[] {
  const known = new Set(given.map(({ path }) => path))
  const folders = [...new Set(given.map(({ path }) => dirname(path)))]
  const others = folders.flatMap((folder) => readdirSync(folder).filter((name) => /\.jsonl?$/.test(name)).sort()
    .map((name) => join(folder, name)))
  return [...given, ...others.filter((path) => !known.has(path)).flatMap(readIfPossible)]
}

/** What else lies in a folder need not be figures. */
function readIfPossible (path: string): Source[] {
  try {
    return [readSource(path)]
  } catch {
    return []
  }
}
