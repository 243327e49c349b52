import { createRequire } from 'node:module'

/**
 * Loaded before a gateway (`--import`): kills this process at its first write to one table, by SIGKILL, just before the
 * transaction is committed or just after. `GAUNTLET_TEST_KILL_AT` is `before:TABLE` or `after:TABLE`.
 */
interface Client { prepare: (sql: string) => unknown, transaction: (work: Work) => Work & Record<string, Work> }
type Work = (...args: unknown[]) => unknown

const [moment, table] = (process.env['GAUNTLET_TEST_KILL_AT'] ?? '').split(':')
const { prototype } = createRequire(import.meta.url)('better-sqlite3') as { prototype: Client }
const { prepare, transaction } = prototype
const writes = new RegExp(`^(insert into|update) "${table}"`)
let isTouched = false

function kill (): void {
  process.kill(process.pid, 'SIGKILL')
}

if (table !== undefined) {
  prototype.prepare = function (sql) {
    isTouched ||= writes.test(sql)
    return prepare.call(this, sql)
  }
  prototype.transaction = function (work) {
    const inside: Work = (...args) => {
      isTouched = false
      const result = work(...args)
      if (isTouched && moment === 'before') kill()
      return result
    }
    const original = transaction.call(this, inside)
    const mortal = (call: Work): Work => (...args) => {
      const result = call(...args)
      if (isTouched && moment === 'after') kill()
      return result
    }
    const variants = ['deferred', 'immediate', 'exclusive'].map((name): [string, Work] => [name, mortal(original[name]!)])
    return Object.assign(mortal(original), Object.fromEntries(variants))
  }
}
