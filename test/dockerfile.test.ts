import { existsSync, readFileSync } from 'node:fs'
import { describe, expect, it } from 'vitest'

const root = new URL('../', import.meta.url)
const read = (path: string): string => readFileSync(new URL(path, root), 'utf8')
const dockerfile = read('Dockerfile')
const copies = [...dockerfile.matchAll(/^COPY (?!--from)(.+)$/gm)].map((match) => match[1]!.trim().split(/\s+/).slice(0, -1))

describe('the Dockerfile', () => {
  it('copies only what exists', () => {
    const sources = copies.flat()

    expect(sources.filter((path) => !existsSync(new URL(path, root)))).toEqual([])
    expect(sources.length).toBeGreaterThan(5)
  })

  it('copies every folder that the build compiles', () => {
    const { include } = JSON.parse(read('tsconfig.build.json')) as { include: string[] }

    expect(copies.flat()).toEqual(expect.arrayContaining(include))
  })

  it('starts the file that the package names as its command', () => {
    const { bin } = JSON.parse(read('package.json')) as { bin: { gauntlet: string } }

    expect(dockerfile).toContain(`ENTRYPOINT ["node", "${bin.gauntlet}"]`)
  })

  it('runs as somebody without rights, with a volume and a health check', () => {
    expect(dockerfile).toMatch(/^USER node$/m)
    expect(dockerfile).toMatch(/^VOLUME \/data$/m)
    expect(dockerfile).toMatch(/^HEALTHCHECK /m)
  })
})
