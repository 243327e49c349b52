import { spawnSync } from 'node:child_process'
import { chmodSync, writeFileSync } from 'node:fs'
import { join } from 'node:path'
import { describe, expect, it } from 'vitest'
import { SCRIPTS } from '../../server/completion/scripts.js'
import { compiledFile } from '../support/compiled.js'
import { openRegistry, publishVersions, temporaryFolder } from '../support/registry-fixtures.js'

/** What a real bash offers for a line, cut into words as bash cuts it. */
async function inBash () {
  const { registry, dataDir } = openRegistry()
  await publishVersions(registry, ['1.0.0', '1.1.0'], {}, 'sentiment')
  const folder = temporaryFolder()
  const program = join(folder, 'gauntlet')
  writeFileSync(program, `#!/bin/sh\nexec '${process.execPath}' '${compiledFile('server/main.js')}' "$@"\n`)
  chmodSync(program, 0o755)
  writeFileSync(join(folder, 'model one.onnx'), '')
  writeFileSync(join(folder, 'gauntlet.bash'), spawnSync(program, ['completion', 'bash'], { encoding: 'utf8' }).stdout)
  return (...words: string[]): { offered: string[], talk: string } => {
    const line = words.join('')
    const cut = words.filter((word) => word !== ' ')
    if (words.at(-1) === ' ') cut.push('')
    const script = `source gauntlet.bash
      COMP_LINE=$1; COMP_POINT=\${#1}; shift; COMP_WORDS=("$@"); COMP_CWORD=$(($# - 1))
      _gauntlet gauntlet
      ((\${#COMPREPLY[@]} == 0)) || printf '%s\\n' "\${COMPREPLY[@]}"`
    const environment = { PATH: `${folder}:${process.env['PATH'] ?? ''}`, GAUNTLET_DATA_DIR: dataDir }
    const { stdout, stderr } = spawnSync('bash', ['--norc', '-c', script, 'bash', line, ...cut], { cwd: folder, env: environment, encoding: 'utf8' })
    return { offered: stdout.split('\n').slice(0, -1), talk: stderr }
  }
}

describe('in bash', () => {
  it('completes commands, options, and what stands behind the marks at which bash cuts words', async () => {
    const tab = await inBash()

    expect(tab('gauntlet', ' ', 'publ')).toEqual({ offered: ['publish'], talk: '' })
    expect(tab('gauntlet', ' ', 'alias', ' ')).toEqual({ offered: ['set', 'rm', 'list', 'history', 'help'], talk: '' })
    expect(tab('gauntlet', ' ', 'show', ' ', 'sentiment', ':', '1.1')).toEqual({ offered: ['1.1.0'], talk: '' })
    expect(tab('gauntlet', ' ', 'show', ' ', 'sentiment', '@', 'ch')).toEqual({ offered: ['champion'], talk: '' })
    expect(tab('gauntlet', ' ', 'publish', ' ', '--signature-policy', '=', 'w')).toEqual({ offered: ['warn'], talk: '' })
    expect(tab('gauntlet', ' ', 'alias', ' ', 'set', ' ', '--reason', ' ', "'a b'", ' ', 'sentiment', ' ', 'champion', ' ')).toEqual({ offered: ['1.1.0', '1.0.0'], talk: '' })
  })

  it('completes paths with blanks, and nothing where nothing fits', async () => {
    const tab = await inBash()

    expect(tab('gauntlet', ' ', 'publish', ' ', '--key', '=', 'mod').offered).toEqual(['model one.onnx'])
    expect(tab('gauntlet', ' ', 'show', ' ', 'nobody')).toEqual({ offered: [], talk: '' })
  })
})

it.each(['bash', 'zsh', 'fish'] as const)('the script for %s is one that the shell can read', (shell) => {
  const { error, status, stderr } = spawnSync(shell, ['-n'], { input: SCRIPTS[shell], encoding: 'utf8' })
  if (error !== undefined) {
    console.log(`${shell} is not installed here, so its script was not checked`)
    return
  }
  expect({ status, stderr }).toEqual({ status: 0, stderr: '' })
})
