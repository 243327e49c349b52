import { createPrivateKey } from 'node:crypto'
import type { PublishStep } from '../../registry/publish.js'
import type { Registry } from '../../registry/registry.js'
import { fakeInspect } from './registry-fake-model.js'
import type { DriverAction } from './registry-process.js'

const BY = { actor: 'driver', reason: 'test' }

/** Does what a test wants done, in its own process or in another, and says what came of it. */
export async function actOn (
  registry: Registry, action: Exclude<DriverAction, { open: string } | { ingest: unknown }>, onStep: (step: PublishStep) => void = () => {}
): Promise<unknown> {
  if ('materialise' in action) return (await registry.materialise('m', action.materialise)).directory
  if ('evict' in action) return (await registry.evict(action.evict)).evicted.length
  if ('collect' in action) return (await registry.collect({ graceMs: 0, ...BY })).bytes
  if ('reindex' in action) return (await registry.reindex({ ...BY, prove: async () => [] })).versions.length
  if ('export' in action) {
    const { export: version, to: target, format } = action
    return (await registry.export({ name: 'm', version, target, format, isForced: true })).files
  }
  if ('remove' in action) return registry.remove({ name: 'm', version: action.remove, ...BY })
  if ('sign' in action) {
    const { digest } = registry.show('m', action.sign)
    const request = { name: 'm', version: action.sign, digest, ...BY }
    return (await registry.signing.sign(request, createPrivateKey(action.key))).status
  }
  if ('alias' in action) {
    const { alias, to, expected } = action
    registry.setAlias({ name: 'm', alias, version: to, ...BY, ...expected === undefined ? {} : { expected } })
    return to
  }
  const { path, version, alias } = action.publish
  const { status, detail } = await registry.publish({
    path, name: 'm', version, actor: 'driver', ...(alias === undefined ? {} : { alias }), onStep
  }, fakeInspect)
  return { status, digest: detail.digest }
}
