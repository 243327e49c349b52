import { spawn } from 'node:child_process'
import { once } from 'node:events'
import { mkdirSync, mkdtempSync, readFileSync, rmSync, statSync, writeFileSync } from 'node:fs'
import { open } from 'node:fs/promises'
import { tmpdir } from 'node:os'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { parseArgs } from 'node:util'
import { median } from 'simple-statistics'
import { buildModel } from '../support/onnx-builder.js'

const { values: options } = parseArgs({
  options: {
    mib: { type: 'string', default: '1024' },
    rounds: { type: 'string', default: '3' },
    folder: { type: 'string', default: tmpdir() },
    help: { type: 'boolean', default: false }
  }
})
const MIB = 1024 ** 2
const BLOCK_BYTES = 8 * MIB
const POLL_MS = 20
const MAIN = fileURLToPath(new URL('../../dist/server/main.js', import.meta.url))

interface Took { readonly seconds: number, readonly peakMib: number | null }

/**
 * Publishes a large model beside what the shell does with the same file (`sha256sum`, `cp`, `sync`), and re-hashes the
 * registry beside `sha256sum`, alternately in one run. Publishing also runs the model once, in a process of its own.
 */
async function main (): Promise<void> {
  const folder = mkdtempSync(join(options.folder, 'gauntlet-bench-registry-'))
  try {
    const weights = await writeModel(folder, Number(options.mib) * MIB)
    const ratios = { publish: [] as number[], fsck: [] as number[] }
    for (let round = 0; round < Number(options.rounds); round++) {
      const dataDir = join(folder, `data-${round}`)
      const copy = join(folder, 'copy')
      const version = ['--name', 'large', '--version', '1']
      const publish = ['publish', join(folder, 'source'), ...version, '--quiet', '--data-dir', dataDir]
      const sides = [
        async () => await run('sh', ['-c', 'sha256sum "$1" && cp "$1" "$2" && sync "$2"', 'sh', weights, copy]),
        async () => await run(process.execPath, [MAIN, ...publish])
      ]
      const took: Took[] = []
      for (const side of round % 2 === 0 ? [0, 1] : [1, 0]) took[side] = await sides[side]!()
      const [shell, ours] = took
      rmSync(copy)
      const blob = blobOf(dataDir, Number(options.mib) * MIB)
      const hash = await run('sha256sum', [blob])
      const fsck = await run(process.execPath, [MAIN, 'fsck', '--data-dir', dataDir])
      rmSync(dataDir, { recursive: true })
      ratios.publish.push(shell!.seconds / ours!.seconds)
      ratios.fsck.push(hash.seconds / fsck.seconds)
      report('sha256sum, cp, sync', shell!)
      report('publish', ours!)
      report('sha256sum', hash)
      report('fsck', fsck)
    }
    process.stdout.write(`publish ${median(ratios.publish).toFixed(2)} x the speed of sha256sum, cp and sync; fsck ${median(ratios.fsck).toFixed(2)} x sha256sum\n`)
  } finally {
    rmSync(folder, { recursive: true, force: true })
  }
}

/** A table of `bytes` beside a graph that looks one row up; returns the file of the table. */
async function writeModel (folder: string, bytes: number): Promise<string> {
  const width = 1024
  const rows = bytes / (width * 4)
  mkdirSync(join(folder, 'source'))
  writeFileSync(join(folder, 'source', 'model.onnx'), buildModel({
    inputs: [{ name: 'index', datatype: 'INT64', shape: ['rows'] }],
    outputs: [{ name: 'row', datatype: 'FP32', shape: ['rows', width] }],
    nodes: [{ op: 'Gather', inputs: ['table', 'index'], outputs: ['row'] }],
    initializers: [],
    external: [{ name: 'table', datatype: 'FP32', shape: [rows, width], location: 'model.onnx_data' }]
  }))
  const path = join(folder, 'source', 'model.onnx_data')
  const file = await open(path, 'w')
  const block = new Float32Array(BLOCK_BYTES / 4)
  for (let at = 0; at < bytes; at += BLOCK_BYTES) {
    for (let i = 0; i < block.length; i++) block[i] = Math.sin(at + i)
    await file.write(new Uint8Array(block.buffer), 0, Math.min(BLOCK_BYTES, bytes - at))
  }
  await file.sync()
  await file.close()
  return path
}

function blobOf (dataDir: string, bytes: number): string {
  const index = JSON.parse(readFileSync(join(dataDir, 'registry', 'index.json'), 'utf8')) as { manifests: { digest: string }[] }
  const blob = (digest: string) => join(dataDir, 'registry', 'blobs', 'sha256', digest.slice('sha256:'.length))
  const manifest = JSON.parse(readFileSync(blob(index.manifests[0]!.digest), 'utf8')) as { layers: { digest: string }[] }
  return manifest.layers.map(({ digest }) => blob(digest)).find((path) => statSync(path).size === bytes)!
}

/** Runs a command to its end; the peak of its own resident memory, without its children, where the system tells. */
async function run (command: string, words: readonly string[]): Promise<Took> {
  const began = performance.now()
  const child = spawn(command, words, { stdio: ['ignore', 'ignore', 'inherit'] })
  let peakMib: number | null = null
  const timer = setInterval(() => {
    try {
      const kib = /VmHWM:\s+(\d+)/.exec(readFileSync(`/proc/${child.pid!}/status`, 'utf8'))?.[1]
      if (kib !== undefined) peakMib = Number(kib) / 1024
    } catch { /* it has ended, or the system does not tell */ }
  }, POLL_MS)
  const [code] = await once(child, 'exit') as [number | null]
  clearInterval(timer)
  if (code !== 0) throw new Error(`${command} ${words.join(' ')} ended with code ${code}`)
  return { seconds: (performance.now() - began) / 1000, peakMib }
}

function report (label: string, { seconds, peakMib }: Took): void {
  const mibPerSecond = Number(options.mib) / seconds
  const peak = peakMib === null ? '' : `, at most ${peakMib.toFixed(0)} MiB of memory`
  process.stdout.write(`${label.padEnd(20)} ${seconds.toFixed(2).padStart(6)} s, ${mibPerSecond.toFixed(0)} MiB/s${peak}\n`)
}

if (options.help) {
  process.stdout.write('npm run bench:registry [-- --mib 1024] [--rounds 3] [--folder DIR]\n\nPublishes a large model and checks it, beside the shell\'s own tools. Needs npm run build.\n')
} else {
  await main()
}
