import { cp, readdir, readFile, writeFile } from 'node:fs/promises'
import { dirname, join, posix } from 'node:path'
import { fileURLToPath } from 'node:url'
import { build } from 'esbuild'

/**
 * Packages of hundreds of small modules: a command would spend most of its time finding and reading these, so they are
 * joined into few files. They stay dependencies: types, and whoever uses them from elsewhere, find them there.
 */
const JOINED = ['typebox', 'drizzle-orm', '@fastify/type-provider-typebox']
const SPECIFIER = /((?:\bfrom|\bimport) |\bimport\()'([^'.][^']*)'/g
const VENDOR = 'vendor'

/**
 * Bundles what the compiled product imports of these packages, once for all who import it, and points the imports
 * there. A package that imports another of them gets the same copy.
 */
export async function joinPackages (dist: string): Promise<void> {
  const specifiers = new Set<string>()
  const sources = new Map<string, string>()
  for (const path of await readdir(dist, { recursive: true })) {
    if (!path.endsWith('.js')) continue
    const source = await readFile(join(dist, path), 'utf8')
    const found = [...source.matchAll(SPECIFIER)].map((match) => match[2] ?? '').filter(isJoined)
    if (found.length > 0) sources.set(path, source)
    for (const specifier of found) specifiers.add(specifier)
  }
  await build({
    absWorkingDir: dist,
    entryPoints: [...specifiers].map((specifier) => ({ in: specifier, out: fileOf(specifier) })),
    outdir: join(dist, VENDOR),
    bundle: true,
    splitting: true,
    format: 'esm',
    platform: 'node',
    target: 'node20',
    minifySyntax: true,
    minifyWhitespace: true,
    legalComments: 'inline',
    logLevel: 'warning',
    plugins: [{
      name: 'other packages stay where they are',
      setup ({ onResolve }) {
        onResolve({ filter: /^[^./]/ }, ({ path, kind }) =>
          kind === 'entry-point' || isJoined(path) ? undefined : { external: true })
      }
    }]
  })
  for (const [path, source] of sources) {
    await writeFile(join(dist, path), source.replaceAll(SPECIFIER, (text, keyword: string, specifier: string) => {
      if (!isJoined(specifier)) return text
      const target = posix.relative(dirname(path), `${VENDOR}/${fileOf(specifier)}.js`)
      return `${keyword}'${target.startsWith('.') ? target : `./${target}`}'`
    }))
  }
  await copyLicenses(dist)
}

/** What is bundled is distributed, so its licenses go with it. */
async function copyLicenses (dist: string): Promise<void> {
  for (const name of JOINED) {
    const folder = fileURLToPath(new URL(`../../node_modules/${name}`, import.meta.url))
    const files = (await readdir(folder)).filter((file) => /^(licen[cs]e|notice|package\.json)/i.test(file))
    for (const file of files) {
      await cp(join(folder, file), join(dist, VENDOR, 'licenses', name, file))
    }
  }
}

function isJoined (specifier: string): boolean {
  return JOINED.some((name) => specifier === name || specifier.startsWith(`${name}/`))
}

function fileOf (specifier: string): string {
  return specifier.replaceAll('/', '-').replace('@', '')
}
