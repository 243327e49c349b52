import { RegistryError } from './errors.js'
import { quote } from './names.js'

const FULL = new Set(['ENOSPC', 'EDQUOT', 'SQLITE_FULL'])
const READ_ONLY = /^(EROFS|SQLITE_READONLY(_.*)?)$/
const FORBIDDEN = /^(EACCES|EPERM|SQLITE_CANTOPEN|SQLITE_PERM)$/
/** SQLite says no more than that input or output failed; the likeliest reason is a disk without room. */
const FAILED = /^SQLITE_IOERR_(WRITE|FSYNC|SHMSIZE|SHMOPEN|TRUNCATE)$/

/** Errors wrap others; none of ours more than this. */
const DEPTH_MAX = 5

/**
 * What went wrong with the disk below `root`, in words: DISK_FULL, or DISK_READ_ONLY when nothing may be written there.
 * Any other error as it is. Pure.
 */
export function asDiskFault (error: unknown, root: string): unknown {
  if (error instanceof RegistryError) return error
  for (let fault = error, depth = 0; fault instanceof Error && depth < DEPTH_MAX; fault = fault.cause, depth++) {
    const { code = '', path, message } = fault as NodeJS.ErrnoException
    if (FULL.has(code) || FAILED.test(code)) {
      return new RegistryError('DISK_FULL',
        `there is no room on the disk of ${quote(root)}; free some and try again (${message})`, { cause: error })
    }
    const isOurs = path === undefined ? code.startsWith('SQLITE_') : path.startsWith(root)
    if (READ_ONLY.test(code) || (FORBIDDEN.test(code) && isOurs)) {
      return new RegistryError('DISK_READ_ONLY', `${quote(path ?? root)} cannot be written to (${message})`, { cause: error })
    }
  }
  return error
}
