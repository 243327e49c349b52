import { readdirSync, readFileSync } from 'node:fs'

/** The ids of the live processes whose parent is `parent` and whose title starts with `title` (Linux). */
export function childrenOf (parent: number, title: string): number[] {
  return processes().filter((process) => process.parent === parent && process.title.startsWith(title)).map(({ pid }) => pid)
}

/** Whether a process is there and not a zombie. */
export function isAlive (pid: number): boolean {
  return processAt(String(pid)) !== null
}

function processes (): { pid: number, parent: number, title: string }[] {
  return readdirSync('/proc').filter((name) => /^\d+$/.test(name)).flatMap((name) => processAt(name) ?? [])
}

function processAt (name: string): { pid: number, parent: number, title: string } | null {
  try {
    const stat = readFileSync(`/proc/${name}/stat`, 'utf8')
    const [state, parent] = stat.slice(stat.lastIndexOf(')') + 2).split(' ')
    const title = readFileSync(`/proc/${name}/cmdline`, 'utf8').replaceAll('\0', ' ').trim()
    return state === 'Z' ? null : { pid: Number(name), parent: Number(parent), title }
  } catch {
    return null
  }
}
