import { chmod, cp, rm } from 'node:fs/promises'
import { spawnSync } from 'node:child_process'
import { createRequire } from 'node:module'

/** Compiles the product into dist/, with what it reads at run time beside it. */
const root = new URL('../', import.meta.url)
const dist = new URL('dist/', root)
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')

await rm(dist, { recursive: true, force: true })
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
await cp(new URL('registry/migrations', root), new URL('registry/migrations', dist), { recursive: true })
await chmod(new URL('server/main.js', dist), 0o755)
