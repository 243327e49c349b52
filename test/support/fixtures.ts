import { existsSync } from 'node:fs'
import { join } from 'node:path'

/** The folder of models and data from elsewhere, or null; tests that need it say so and are skipped without it. */
export const FIXTURES = fixtures()

function fixtures (): string | null {
  const folder = process.env['GAUNTLET_FIXTURES']
  if (folder !== undefined && existsSync(join(folder, 'models'))) return folder
  process.stderr.write('GAUNTLET_FIXTURES does not name a folder with models/ and data/: tests on real models are skipped\n')
  return null
}
