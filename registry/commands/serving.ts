import type { Command } from 'commander'
import { RegistryError } from '../errors.js'
import type { RegistryCommandsContext } from './context.js'
import { readText } from './serving-options.js'

/** `gauntlet serving`. */
export function addServing (program: Command, { print }: RegistryCommandsContext): void {
  const serving = program.command('serving').description('the format of serving.json')
  serving.command('schema')
    .description('print its JSON Schema')
    .action(async () => {
      const { servingSchemaDocument } = await import('../serving/document.js')
      const document = servingSchemaDocument()
      print(document, () => JSON.stringify(document, null, 2))
    })
  serving.command('validate')
    .description('check a serving.json, whole or in part; all faults are told at once')
    .argument('<file>', 'the file')
    .action(async (file: string) => {
      const [text, { draftFaults, servingFaults }, { parseJson, refuseFaults }] =
        await Promise.all([readText(file), import('../serving.js'), import('../serving/faults.js')])
      const document = parseJson(text)
      refuseFaults(draftFaults(document))
      const missing = servingFaults(document)
      const isWhole = missing.length === 0
      if (!isWhole && missing.some((fault) => !fault.endsWith(' is missing'))) {
        throw new RegistryError('SERVING_INVALID', `serving.json: ${missing.join('; ')}`)
      }
      print({ file, valid: true, complete: isWhole }, () => isWhole
        ? `${file} is a whole serving.json`
        : `${file} is a valid part; publishing adds ${missing.map((fault) => fault.replace(/ is missing$/, '')).join(', ')}`)
    })
}
