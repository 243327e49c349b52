import type { Command } from 'commander'
import { describeReport, refuseUnsigned } from '../signing/report.js'
import { formatTable } from '../table.js'
import type { VerifiedBlob } from '../verify.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'
import { shortDigest } from './words.js'

/** `gauntlet verify`. */
export function addVerify (program: Command, { open, print }: RegistryCommandsContext): void {
  program.command('verify')
    .description('re-hash every blob of a version, and check its signatures')
    .argument('<reference>', 'name:version, name@alias or name (its champion)')
    .action(async (reference: string) => {
      await withRegistry(open, async (registry) => {
        const { name, version } = registry.resolve(reference)
        const result = await registry.verify(name, version)
        const signature = await registry.signing.report(result.digest)
        print({ name, version, ...result, signature }, () =>
          `${describeBlobs(result.blobs)}\n${describeReport(signature)}`)
        const { refuseDamage } = await import('../verify.js')
        refuseDamage(`${name}:${version}`, result)
        if (registry.signing.policy() === 'require') refuseUnsigned(signature, `${name}:${version}`)
      })
    })
}

function describeBlobs (blobs: readonly VerifiedBlob[]): string {
  return formatTable([
    ['STATUS', 'BYTES', 'DIGEST', 'PATH'],
    ...blobs.map((blob) => [blob.ok ? 'ok' : 'damaged', String(blob.sizeBytes), shortDigest(blob.digest), blob.path])
  ])
}
