import { spawnSync } from 'node:child_process'
import { chmod, cp, rm } from 'node:fs/promises'
import { createRequire } from 'node:module'
import { join } from 'node:path'
import { fileURLToPath } from 'node:url'
import { joinPackages } from './support/join-packages.js'

/** Compiles the product into dist/, with what it reads at run time beside it. */
const root = fileURLToPath(new URL('../', import.meta.url))
const dist = join(root, 'dist')
const compiler = createRequire(import.meta.url).resolve('typescript/bin/tsc')

await rm(dist, { recursive: true, force: true })
const { status } = spawnSync(process.execPath, [compiler, '-p', 'tsconfig.build.json'], { cwd: root, stdio: 'inherit' })
if (status !== 0) process.exit(status ?? 1)
await cp(join(root, 'registry/migrations'), join(dist, 'registry/migrations'), { recursive: true })
await joinPackages(dist)
await chmod(join(dist, 'server/main.js'), 0o755)
