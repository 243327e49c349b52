import { expect, it } from 'vitest'
import { gauntlet } from '../../support/command.js'

it.each([
  ['a command', ['pubish'], 'publish'],
  ['a command within a command', ['alias', 'hsitory'], 'history'],
  ['an option', ['show', 'm', '--limti', '3'], '--limit'],
  ['an option of the program', ['models', '--data-dri', 'x'], '--data-dir']
])('%s that is misspelt is told the right one, with exit code 2', async (_what, words, meant) => {
  const { code, out, talk } = await gauntlet(...words)

  expect({ code, out }).toEqual({ code: 2, out: '' })
  expect(talk).toContain(`Did you mean ${meant}?`)
})
