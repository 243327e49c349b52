/**
 * A process that pushes or pulls once, as its one argument says in JSON, writes a line for each step at once, and kills
 * itself at the step it is told to die at. Run by tests only.
 */
import { writeSync } from 'node:fs'
import { RegistryClient } from '../../registry/distribution/client.js'
import { push } from '../../registry/distribution/push.js'
import { parseRemoteReference } from '../../registry/distribution/remote-reference.js'
import { remoteReader, resolveRemote } from '../../registry/distribution/remote-reader.js'
import { Registry } from '../../registry/registry.js'
import type { Transfer } from './distribution-process.js'
import { fakeInspect } from './registry-fake-model.js'

const { kind, dataDir, target, digest, chunkBytes, dieAt } = JSON.parse(process.argv[2]!) as Transfer

function onStep (step: string): void {
  writeSync(1, `${step}\n`)
  if (step === dieAt) process.kill(process.pid, 'SIGKILL')
}

const reference = parseRemoteReference(target)
const registry = Registry.open({ dataDir, now: Date.now })
const client = new RegistryClient({ host: reference.host })
if (kind === 'push') {
  const { repository, tag } = reference
  await push(client, registry.published, registry.uploads, { digest: digest!, repository, tags: [tag ?? 'latest'], parallelMax: 1, chunkBytes, onStep })
} else {
  const found = await resolveRemote(client, reference)
  await registry.ingest({ digest: found, actor: 'driver', parallel: 1, onStep }, remoteReader(client, reference), fakeInspect)
}
client.close()
registry.close()
writeSync(1, 'done\n')
