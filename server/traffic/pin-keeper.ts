import { randomBytes } from 'node:crypto'
import { existsSync, linkSync, readFileSync, rmSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { type Pin, Pins } from '../routing/pins.js'
import type { TrafficLog } from './log.js'

export interface PinKeeperOptions {
  readonly dataDir: string
  readonly traffic: TrafficLog
  readonly pinsMax: number
  readonly now: () => number
}

/** The pins of sessions, in memory for routing and in the traffic log for the next start. */
export class PinKeeper {
  readonly pins: Pins
  readonly #traffic: TrafficLog

  private constructor (pins: Pins, traffic: TrafficLog) {
    this.pins = pins
    this.#traffic = traffic
  }

  /** Opens the pins that are still alive. @throws Error when the secret beside them cannot be read or written */
  static async open ({ dataDir, traffic, pinsMax, now }: PinKeeperOptions): Promise<PinKeeper> {
    const onKeep = (pin: Pin): void => { traffic.recordPin(pin) }
    const pins = new Pins({ secret: secretOf(join(dataDir, 'affinity.key')), pinsMax, now, onKeep })
    await traffic.loadPins(now(), (pin) => { pins.restore(pin) })
    return new PinKeeper(pins, traffic)
  }

  /** Forgets every session of a version, here and on disk. */
  drop (model: string, version: string): void {
    this.pins.drop(model, version)
    this.#traffic.dropPins(model, version)
  }
}

/** The secret that keys are hashed with; made once, and never in a place where half of it could be seen. */
function secretOf (path: string): Buffer {
  if (!existsSync(path)) {
    const temporary = `${path}.${process.pid}`
    writeFileSync(temporary, randomBytes(32), { mode: 0o600, flag: 'w' })
    try {
      linkSync(temporary, path)
    } catch (error) {
      if ((error as NodeJS.ErrnoException).code !== 'EEXIST') throw error
    } finally {
      rmSync(temporary, { force: true })
    }
  }
  const secret = readFileSync(path)
  if (secret.length !== 32) throw new Error(`${path} must have 32 bytes, and has ${secret.length}`)
  return secret
}
