import { mkdtempSync, rmSync, writeFileSync } from 'node:fs'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { vi } from 'vitest'
import { run } from '../../server/cli.js'

/** What a command left behind. */
export interface Outcome { readonly code: number, readonly out: string, readonly talk: string }

/** Runs the real command in this process, with what it writes to stdout (`out`) and stderr (`talk`). */
export async function gauntlet (...args: string[]): Promise<Outcome> {
  const written = { out: '', talk: '' }
  const spies = ([['out', process.stdout], ['talk', process.stderr]] as const).map(([name, stream]) =>
    vi.spyOn(stream, 'write').mockImplementation((chunk) => {
      written[name] += String(chunk)
      return true
    }))
  try {
    return { code: await run(args, new AbortController().signal), ...written }
  } finally {
    for (const spy of spies) spy.mockRestore()
  }
}

/** A folder for the files of a test; `write` gives the path of a new one. */
export function fileFolder (): { path: string, write: (name: string, content: string | Uint8Array) => string, remove: () => void } {
  const path = mkdtempSync(join(tmpdir(), 'gauntlet-files-'))
  return {
    path,
    write (name, content) {
      writeFileSync(join(path, name), content)
      return join(path, name)
    },
    remove: () => { rmSync(path, { recursive: true, force: true }) }
  }
}

/** One JSON object per line. */
export function jsonLines (rows: readonly object[]): string {
  return rows.map((row) => `${JSON.stringify(row)}\n`).join('')
}
