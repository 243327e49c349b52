import type { Command } from 'commander'
import { addAlias, addTag } from './commands/alias.js'
import type { RegistryCommandsContext } from './commands/context.js'
import { addAudit } from './commands/audit.js'
import { addDatasets } from './commands/dataset.js'
import { addDiff } from './commands/diff.js'
import { addFsck } from './commands/fsck.js'
import { addGc } from './commands/gc.js'
import { addGolden } from './commands/golden.js'
import { addLogin, addLogout } from './commands/login.js'
import { addExport } from './commands/export.js'
import { addImport } from './commands/import.js'
import { addModels, addShow } from './commands/models.js'
import { addPull } from './commands/pull.js'
import { addPush } from './commands/push.js'
import { addPublish } from './commands/publish.js'
import { addReindex } from './commands/reindex.js'
import { addRm } from './commands/rm.js'
import { addServing } from './commands/serving.js'
import { addVerify } from './commands/verify.js'
import { addSigningCommands } from './signing/commands.js'

/**
 * Adds the commands of the registry. Errors are thrown, not printed. The program must have `--data-dir` and must not
 * have a `--version` option of its own, which would swallow the one of publish.
 */
export function addRegistryCommands (program: Command, context: RegistryCommandsContext): void {
  const all = [
    addPublish, addModels, addDatasets, addShow, addDiff, addAlias, addTag, addVerify, addFsck, addGc, addRm, addImport,
    addExport, addReindex
  ]
  for (const add of all) add(program, context)
  for (const add of [addGolden, addServing, addPush, addPull, addLogin, addLogout, addAudit]) add(program, context)
  addSigningCommands(program, context)
}
