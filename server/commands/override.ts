import { type Command, InvalidArgumentError } from 'commander'
import { GatewayError } from '../errors.js'

const UNIT_SECONDS = { s: 1, m: 60, h: 3_600, d: 86_400 }
const LIFETIME_SECONDS_MAX = 365 * UNIT_SECONDS.d

export interface OverrideContext {
  readonly print: (json: unknown, text: () => string) => void
}

/** `gauntlet override`: what a tester sends to be answered by a version, whatever the weights are. */
export function addOverrideCommand (program: Command, { print }: OverrideContext): void {
  program.command('override')
    .description('print the value of x-gauntlet-override for a tester, signed with GAUNTLET_OVERRIDE_SECRET')
    .argument('<model>', 'the model that is called')
    .argument('<target>', 'a version of it, or champion or challenger')
    .option('--for <duration>', 'how long it is good for, such as 30m, 1h or 7d, at most 365d (1h)', lifetimeSeconds)
    .action(async (model: string, target: string, options: { for?: number }) => {
      const [{ formatOverride, OVERRIDE_HEADER, OVERRIDE_SECRET, overrideSecret }, names] = await Promise.all([
        import('../routing/override.js'), import('../../registry/names.js')
      ])
      const secret = overrideSecret(process.env)
      if (secret === null) {
        throw new GatewayError('BAD_REQUEST', `${OVERRIDE_SECRET} is not set: the gateway and this command need the same one`)
      }
      names.checkName(model)
      names.checkVersion(target)
      const expiresAtSeconds = Math.floor(Date.now() / 1_000) + (options.for ?? UNIT_SECONDS.h)
      const value = formatOverride({ model, target, expiresAtSeconds }, secret)
      const expiresAt = new Date(expiresAtSeconds * 1_000).toISOString()
      print({ header: OVERRIDE_HEADER, value, model, target, expiresAt }, () => value)
    })
}

function lifetimeSeconds (text: string): number {
  const [, number, unit] = /^([1-9]\d{0,8})([smhd])$/.exec(text) ?? []
  const seconds = Number(number) * UNIT_SECONDS[unit as keyof typeof UNIT_SECONDS]
  if (seconds > 0 && seconds <= LIFETIME_SECONDS_MAX) return seconds
  throw new InvalidArgumentError('expected a duration such as 30m, 1h or 7d, at most 365d')
}
