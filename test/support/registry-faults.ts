import fs from 'node:fs'
import fsp from 'node:fs/promises'
import { syncBuiltinESMExports } from 'node:module'
import { sep } from 'node:path'
import BetterSqlite3 from 'better-sqlite3'

/** What happens instead of a step: the process dies, or the disk refuses. */
export type Fault = 'SIGKILL' | 'ENOSPC' | 'EROFS' | 'EACCES'

export interface FaultPlan {
  /** Which of the matching steps fails, from 1 on; 0 for none. */
  readonly at: number
  readonly fault: Fault
  /** Pattern of the steps that count. */
  readonly match?: string
  /** Whether every matching step from there on fails, as on a disk that stays full. */
  readonly isLasting?: boolean
}

/** The steps after which the disk looks different to whoever comes next; the others happen in `tmp/`. */
export const VISIBLE = '^(rename|commit|remove (?!tmp))'

const WRITES = /[wax+]/
const SQLITE = { ENOSPC: 'SQLITE_FULL', EROFS: 'SQLITE_READONLY', EACCES: 'SQLITE_CANTOPEN', SIGKILL: '' } as const

/**
 * The one way to inject faults: stands between this process and every change below `root`, by the functions of
 * node:fs and by transactions of SQLite. Each change is a step, named after what it does.
 */
export class DiskFaults {
  readonly steps: string[] = []
  readonly #root: string
  readonly #isReadingToo: boolean
  readonly #restore: (() => void)[] = []
  #plan: FaultPlan = { at: 0, fault: 'ENOSPC' }
  #matched = 0

  private constructor (root: string, isReadingToo: boolean) {
    this.#root = root
    this.#isReadingToo = isReadingToo
  }

  /** @param isReadingToo whether opening a file to read it is a step as well */
  static async install (root: string, { isReadingToo = false } = {}): Promise<DiskFaults> {
    const faults = new DiskFaults(fs.realpathSync(root), isReadingToo)
    const probe = await fsp.open('/dev/null', 'r')
    const handle = Object.getPrototypeOf(probe) as object
    await probe.close()
    faults.#patch(fsp, { open: 'open', mkdir: 'make', rename: 'rename', rm: 'remove', writeFile: 'write', copyFile: 'copy' })
    faults.#patch(fs, {
      openSync: 'open', mkdirSync: 'make', renameSync: 'rename', rmSync: 'remove', utimesSync: 'touch'
    })
    faults.#patch(handle, { write: 'write', writeFile: 'write', sync: 'sync', chmod: 'protect' })
    faults.#patchTransactions()
    syncBuiltinESMExports()
    return faults
  }

  /** From now on. */
  plan (plan: FaultPlan): void {
    this.#plan = plan
    this.#matched = 0
    this.steps.length = 0
  }

  uninstall (): void {
    for (const restore of this.#restore.splice(0)) restore()
    syncBuiltinESMExports()
  }

  #step (name: string, codes: Readonly<Record<Fault, string>>, path?: string): void {
    const { at, fault, match = '.', isLasting = false } = this.#plan
    if (!new RegExp(match).test(name) || (name === 'committed' && fault !== 'SIGKILL')) return
    this.steps.push(name)
    this.#matched++
    if (at === 0 || (isLasting ? this.#matched < at : this.#matched !== at)) return
    if (fault === 'SIGKILL') process.kill(process.pid, 'SIGKILL')
    throw Object.assign(new Error(`${codes[fault]}: injected at ${name}`), { code: codes[fault], path })
  }

  #patch (target: object, verbs: Readonly<Record<string, string>>): void {
    const functions = target as Record<string, (...args: unknown[]) => unknown>
    for (const [key, verb] of Object.entries(verbs)) {
      const original = functions[key]!
      const isHandle = !('openSync' in target) && !('rename' in target)
      const step = (args: unknown[]): void => { this.#fileStep(verb, isHandle ? [] : args) }
      functions[key] = key.endsWith('Sync')
        ? function (this: unknown, ...args) { step(args); return original.apply(this, args) }
        : async function (this: unknown, ...args) { step(args); return await original.apply(this, args) }
      this.#restore.push(() => { functions[key] = original })
    }
  }

  /** Of the changes below the root; writes to open files count all, as only the registry writes meanwhile. */
  #fileStep (verb: string, args: readonly unknown[]): void {
    const paths = args.filter((arg): arg is string => typeof arg === 'string' && arg.includes(sep))
    const path = paths.at(-1)
    if (args.length > 0 && !paths.some((each) => each.startsWith(this.#root))) return
    const isRead = verb === 'open' && !(typeof args[1] === 'string' && WRITES.test(args[1]))
    if (isRead && !this.#isReadingToo) return
    const where = path === undefined ? '' : ` ${path.slice(this.#root.length + 1).replaceAll(/[0-9a-f]{8}-\d+-[0-9a-f-]{36}/g, '*')}`
    this.#step(`${isRead ? 'read' : verb}${where}`, { ENOSPC: 'ENOSPC', EROFS: 'EROFS', EACCES: 'EACCES', SIGKILL: '' }, path)
  }

  /** A transaction fails before it is committed; it is whole, or nothing of it is there. */
  #patchTransactions (): void {
    const prototype = BetterSqlite3.prototype
    const original = prototype.transaction
    const step = (name: string): void => { this.#step(name, SQLITE) }
    prototype.transaction = function (this: BetterSqlite3.Database, work: (...args: unknown[]) => unknown) {
      const begun = original.call(this, (...args: unknown[]) => {
        const result = work(...args)
        step('commit')
        return result
      })
      const immediate = (...args: unknown[]): unknown => {
        const result: unknown = begun.immediate(...args)
        step('committed')
        return result
      }
      return Object.assign((...args: unknown[]) => begun(...args), { immediate })
    } as unknown as typeof prototype.transaction
    this.#restore.push(() => { prototype.transaction = original })
  }
}
