import type { Command } from 'commander'
import { painter, type Paint } from '../color.js'
import type { Check } from '../doctor/check.js'
import { GateRefused } from './gate-refused.js'

export interface DoctorContext {
  readonly options: () => { readonly dataDir: string, readonly server: string }
  readonly print: (json: unknown, text: () => string) => void
}

const SIGNS = { ok: 'ok  ', warn: 'WARN', fail: 'FAIL' } as const
const COLORS = { ok: 'green', warn: 'yellow', fail: 'red' } as const

/** `gauntlet doctor`: says whether this machine and data folder can serve, and what to do where they cannot. */
export function addDoctorCommand (program: Command, { options, print }: DoctorContext): void {
  program.command('doctor')
    .description('check this machine, the configuration and the data folder, and say what to do; changes nothing')
    .option('--deep', 'read and hash every blob of the registry')
    .action(async ({ deep = false }: { deep?: boolean }) => {
      const { dataDir, server } = options()
      const [{ lookAtAll }, { machineProbes }, { dataFolderProbes }] = await Promise.all([
        import('../doctor/check.js'), import('../doctor/machine.js'), import('../doctor/data-folder.js')
      ])
      const checks = await lookAtAll([
        ...machineProbes(process.env, server),
        ...dataFolderProbes({ dataDir, env: process.env, isDeep: deep, now: Date.now })
      ])
      const failed = checks.filter(({ state }) => state === 'fail').length
      print({ ok: failed === 0, checks }, () => {
        const paint = painter(process.stdout, process.env)
        return checks.map((check) => line(check, paint)).join('\n')
      })
      if (failed > 0) throw new GateRefused(`${failed} of ${checks.length} checks failed`)
    })
}

function line ({ name, state, detail, advice }: Check, paint: Paint): string {
  const first = `${paint(COLORS[state], SIGNS[state])} ${name.padEnd(13)} ${detail}`
  return advice === null ? first : `${first}\n     ${''.padEnd(13)} -> ${advice}`
}
