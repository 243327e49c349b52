import type { Registry } from '../../registry/registry.js'
import type { TrialSetting } from '../../server/fleet.js'
import { RolloutController } from '../../server/rollouts/controller.js'

/** A controller over a real registry; versions are warm at once, and what routing would see is kept by model. */
export function openDesk (registry: Registry, now: () => number): { controller: RolloutController, settings: Map<string, TrialSetting | null> } {
  const settings = new Map<string, TrialSetting | null>()
  const controller = new RolloutController({
    registry,
    fleet: {
      load: () => ({ state: 'ready' }),
      setTrial: (model, setting) => { settings.set(model, setting) },
      setConversation: () => {},
      sync: () => {},
      force: () => {},
      release: () => {}
    },
    traffic: { record: () => {}, recordMirrored: () => {}, replay: async () => {} },
    pins: { drop: () => {} },
    gates: { check: () => {}, look: () => null, forget: () => {} },
    probes: { check: () => {}, look: () => null, forget: () => {} },
    now,
    newSalt: () => 'salt',
    log: () => {},
    onEnd: () => {}
  })
  return { controller, settings }
}
