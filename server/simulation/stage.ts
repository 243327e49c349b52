import type { Serving } from '../../registry/serving.js'
import type { RolloutEvent } from '../../registry/rollouts/machine.js'
import type { RolloutRow } from '../../registry/rollouts/rollout.js'
import type { TrialSetting } from '../fleet.js'
import { RolloutController } from '../rollouts/controller.js'
import type { GateEvidence } from '../rollouts/gate/judge.js'
import type { GatePlan } from '../rollouts/spec/gate.js'
import { MemoryRollouts } from './memory-rollouts.js'

const CHAMPION = 'champion'

/** Versions of a simulation take and give the same: nothing runs them. */
const SERVING: Serving = {
  schemaVersion: 1,
  task: 'tensor',
  runtime: 'onnx',
  modelFile: 'model.onnx',
  inputs: [{ name: 'input', datatype: 'FP32', shape: [-1] }],
  outputs: [{ name: 'output', datatype: 'FP32', shape: [-1] }],
  batching: { batchable: true, maxBatch: 1, maxDelayMs: 0 },
  examples: []
}

export interface StageOptions {
  readonly now: () => number
  readonly salt: string
  /** Whether the challenger is warm; it is from the beginning unless told. */
  readonly isWarm?: () => boolean
  /** What comes out of a gate; it stays under way unless told. */
  readonly gate?: (gate: GatePlan) => GateEvidence
  readonly onMove?: (row: RolloutRow, event: RolloutEvent) => void
}

/** The real engine on a stage: a clock that is moved by hand, versions that are always warm, and a store in memory. */
export class Stage {
  readonly controller: RolloutController
  readonly rollouts: MemoryRollouts
  /** How routing would see the trial now; null when there is none. */
  setting: TrialSetting | null = null

  constructor ({ now, salt, isWarm = () => true, gate, onMove = () => {} }: StageOptions) {
    this.rollouts = new MemoryRollouts(now, onMove)
    this.controller = new RolloutController({
      registry: { show: () => ({ serving: SERVING }), alias: () => CHAMPION, rollouts: this.rollouts },
      fleet: {
        load: () => ({ state: isWarm() ? 'ready' : 'loading' }),
        setTrial: (_model, setting) => { this.setting = setting },
        setConversation: () => {},
        sync: () => {},
        force: () => {},
        release: () => {}
      },
      gates: { check: () => {}, look: (_row, plan) => gate?.(plan) ?? null, forget: () => {} },
      probes: { check: () => {}, look: () => null, forget: () => {} },
      traffic: { record: () => {}, recordMirrored: () => {}, replay: async () => {} },
      pins: { drop: () => {} },
      now,
      newSalt: () => salt,
      log: () => {},
      onEnd: () => {}
    })
  }
}
