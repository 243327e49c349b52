import { open, rename, stat } from 'node:fs/promises'
import { basename, dirname, join } from 'node:path'
import { InvalidArgumentError, Option, type Command } from 'commander'
import { RegistryError } from '../errors.js'
import type { OutputDifference } from '../golden.js'
import { CHAMPION, quote } from '../names.js'
import type { Registry } from '../registry.js'
import type { RunModel } from '../running.js'
import type { Serving, ServingDraft } from '../serving.js'
import type { Example } from '../serving/tensors.js'
import { formatTable } from '../table.js'
import { passphraseFrom, passphraseOption } from '../signing/commands.js'
import { loadPrivateKey } from '../signing/keys.js'
import { allowedBy } from './allow-domain.js'
import { withRegistry, type RegistryCommandsContext } from './context.js'
import { addServingOptions, draftsOf, readText, type ServingFlags } from './serving-options.js'
import { addSourceOptions, type SourceFlags } from './source-options.js'
import { countOf, nameOf } from './words.js'

interface AddFlags extends SourceFlags, ServingFlags {
  readonly input: string
  readonly tolerance: number
  readonly as?: string
  readonly alias?: string
  readonly reason?: string
  readonly key?: string
  readonly passphraseEnv?: string
  readonly outputServing?: string
  readonly dryRun?: boolean
  readonly quiet?: boolean
}

const STDIN_BYTES_MAX = 16 * 1024 ** 2
const TOLERANCE_DEFAULT = 1e-4

/** `gauntlet golden`. */
export function addGolden (program: Command, context: RegistryCommandsContext): void {
  const golden = program.command('golden').description('golden examples: inputs with the outputs that they must give')
  const add = golden.command('add')
    .description('run a real input and keep it with its output')
    .argument('<target>', 'a folder or .onnx file that is to be published, or name:version')
    .requiredOption('--input <file>', 'a request of the Open Inference Protocol; for text tasks also a JSON list, or one text per line; - for standard input')
    .addOption(new Option('--tolerance <share>', 'how far real numbers may differ, times max(1, |expected|)')
      .argParser(tolerance).default(TOLERANCE_DEFAULT))
    .option('--as <version>', 'of name:version: the new version that has the example')
    .option('--alias <alias>', 'alias to point to the new version')
    .option('--key <file>', 'sign the new version with this private key, PKCS#8 PEM')
    .addOption(passphraseOption())
    .option('--reason <text>', 'why, for the audit trail')
    .option('--output-serving <file>', 'where to write serving.json; the folder, or NAME.serving.json beside NAME.onnx')
    .option('--dry-run', 'run the input and print the example, but keep nothing')
    .option('--quiet', 'print nothing')
  addServingOptions(addSourceOptions(add)).action(async (target: string, flags: AddFlags) => {
    await withRegistry(context.open, async (registry) => {
      const isThere = await stat(target).then(() => true, () => false)
      await (isThere ? addToSource(target, flags, registry, context) : addToVersion(target, flags, registry, context))
    })
  })
  golden.command('list')
    .description('the golden examples of a version')
    .argument('<reference>', 'name:version, name@alias or name (its champion)')
    .action(async (reference: string) => {
      await withRegistry(context.open, (registry) => {
        const { name, version } = registry.resolve(reference)
        const { examples } = registry.show(name, version).serving
        context.print({ name, version, examples }, () => examples.length === 0 ? 'no golden examples' : describeExamples(examples))
      })
    })
  golden.command('check')
    .description('run the golden examples of a version and tell how far each output is off')
    .argument('<reference>', 'name:version, name@alias or name (its champion)')
    .action(async (reference: string) => {
      await withRegistry(context.open, (registry) => check(reference, registry, context))
    })
}

async function check (
  reference: string, registry: Registry, { runModel, print }: RegistryCommandsContext
): Promise<void> {
  const { name, version } = registry.resolve(reference)
  const { examples } = registry.show(name, version).serving
  const { compareExamples } = await import('../golden.js')
  const answers = examples.length === 0
    ? []
    : await ran(registry, { name, version }, runModel, examples.map(({ inputs }) => inputs))
  const outputs = compareExamples(examples, answers)
  print({ name, version, outputs }, () => outputs.length === 0 ? 'no golden examples' : describeDifferences(outputs))
  const wrong = outputs.filter(({ ok }) => !ok)
  if (wrong.length === 0) return
  const [{ example, output }] = wrong as [OutputDifference]
  throw new RegistryError('GOLDEN_FAILED',
    `${name}:${version} differs from its golden examples in ${countOf(wrong.length, 'output')}, first in "${output}" of example ${example}`)
}

/** What a version answers; its files are held for as long as that takes. */
async function ran (
  registry: Registry, { name, version }: { name: string, version: string }, runModel: RunModel,
  requests: Parameters<RunModel>[1]
): ReturnType<RunModel> {
  const { directory, serving, release } = await registry.materialise(name, version)
  try {
    return await runModel({ name, version, directory, serving }, requests)
  } finally {
    release()
  }
}

/** The serving.json that was given, or is beside the model, gets one more example; the model itself stays as it is. */
async function addToSource (
  target: string, flags: AddFlags, registry: Registry,
  { inspect, runModel, parseRequest, print }: RegistryCommandsContext
): Promise<void> {
  if (flags.as !== undefined || flags.alias !== undefined || flags.key !== undefined) {
    throw new RegistryError('SOURCE_INVALID',
      `${quote(target)} is a file or folder; --as, --alias and --key are for a published version`)
  }
  const { exampleOf, inputsOf } = await import('../golden.js')
  const content = await inputText(flags.input)
  const file = flags.outputServing ?? await servingFileOf(target)
  const before = flags.serving ?? file
  const isThere = await stat(before).then(() => true, () => false)
  const drafts = await draftsOf(isThere ? { ...flags, serving: before } : flags, registry)
  const { dtype, exclude, task } = flags
  const request = {
    path: target, drafts, ...dtype && { dtype }, ...exclude && { exclude }, ...task && { task }, ...allowedBy(flags)
  }
  const example = await registry.stage(request, inspect, async ({ folder, serving }) => {
    const inputs = await inputsOf(content, serving, parseRequest)
    const [outputs = []] = await runModel({ name: 'golden', version: 'new', directory: folder, serving }, [inputs])
    return checked(serving, exampleOf(inputs, outputs, flags.tolerance))
  })
  const draft = isThere ? JSON.parse(await readText(before)) as ServingDraft : {}
  const examples = [...draft.examples ?? [], example]
  if (flags.dryRun !== true) await replace(file, `${JSON.stringify({ ...draft, examples }, null, 2)}\n`)
  if (flags.quiet === true) return
  print({ file, dryRun: flags.dryRun === true, example }, () =>
    `${flags.dryRun === true ? 'would keep' : 'kept'} golden example ${examples.length - 1} in ${file}\n${describeExamples([example])}`)
}

async function addToVersion (
  target: string, flags: AddFlags, registry: Registry,
  { runModel, prove, parseRequest, print, actor }: RegistryCommandsContext
): Promise<void> {
  const { name, version } = resolve(target, registry)
  const { serving } = registry.show(name, version)
  if (flags.as === undefined) {
    throw new RegistryError('SOURCE_INVALID', `${name}:${version} is immutable; --as NEWVERSION names the version that has the example`)
  }
  const { key, passphraseEnv } = flags
  const signWith = key === undefined ? undefined : loadPrivateKey(key, passphraseFrom(passphraseEnv))
  const { exampleOf, inputsOf } = await import('../golden.js')
  const inputs = await inputsOf(await inputText(flags.input), serving, parseRequest)
  const [outputs = []] = await ran(registry, { name, version }, runModel, [inputs])
  const example = checked(serving, exampleOf(inputs, outputs, flags.tolerance))
  const said = (detail: object, first: string): void => {
    if (flags.quiet !== true) print({ ...detail, dryRun: flags.dryRun === true, example }, () => `${first}\n${describeExamples([example])}`)
  }
  if (flags.dryRun === true) return said({ name, version: flags.as }, `would publish ${name}:${flags.as}, made from ${name}:${version}`)
  const { reason = `golden example added to ${version}` } = flags
  const { status, detail } = await registry.derive({
    name,
    version: flags.as,
    from: version,
    actor: actor(),
    reason,
    serving: { ...serving, examples: [...serving.examples, example] },
    ...signWith === undefined ? {} : { signWith },
    ...flags.alias === undefined || flags.alias === CHAMPION ? {} : { alias: flags.alias }
  })
  if (flags.alias === CHAMPION) {
    await registry.moveAlias({ name, alias: CHAMPION, version: flags.as, actor: actor(), reason }, prove)
  }
  said({ status, ...registry.show(name, flags.as) }, `${status} ${nameOf(detail)}, made from ${name}:${version}`)
}

/** The version that is meant. @throws RegistryError SOURCE_NOT_FOUND naming the target, perhaps meant as a path */
function resolve (target: string, registry: Registry): { name: string, version: string } {
  try {
    return registry.resolve(target)
  } catch (error) {
    if (!(error instanceof RegistryError)) throw error
    throw new RegistryError('SOURCE_NOT_FOUND',
      `${quote(target)} is neither a file or folder nor a version: ${error.message}`, { cause: error })
  }
}

/** What the model was given must be what it takes, as anywhere else. */
function checked (serving: Serving, example: Example): Example {
  const missing = serving.inputs.find(({ name }) => !example.inputs.some((input) => input.name === name))
  if (missing === undefined) return example
  throw new RegistryError('SERVING_INVALID', `the input ${quote(missing.name)} is missing`)
}

async function servingFileOf (target: string): Promise<string> {
  const isFolder = (await stat(target)).isDirectory()
  return isFolder ? join(target, 'serving.json') : join(dirname(target), `${basename(target, '.onnx')}.serving.json`)
}

async function inputText (path: string): Promise<string> {
  if (path !== '-') return await readText(path)
  const chunks: Buffer[] = []
  let sizeBytes = 0
  for await (const chunk of process.stdin as AsyncIterable<Buffer>) {
    sizeBytes += chunk.length
    if (sizeBytes > STDIN_BYTES_MAX) throw new RegistryError('SOURCE_INVALID', `the input is larger than ${STDIN_BYTES_MAX} bytes`)
    chunks.push(chunk)
  }
  return Buffer.concat(chunks).toString('utf8')
}

/** The old file or the new one, never a part. */
async function replace (path: string, text: string): Promise<void> {
  const temporary = `${path}.${process.pid}.new`
  const file = await open(temporary, 'w')
  try {
    await file.writeFile(text)
    await file.sync()
  } finally {
    await file.close()
  }
  await rename(temporary, path)
}

function describeExamples (examples: readonly Example[]): string {
  const specs = (tensors: Example['inputs']): string =>
    tensors.map(({ name, datatype, shape }) => `${name} ${datatype} [${shape.join()}]`).join(', ')
  return formatTable([
    ['INPUTS', 'OUTPUTS', 'TOLERANCE'],
    ...examples.map(({ inputs, outputs, tolerance }) => [specs(inputs), specs(outputs), String(tolerance)])
  ])
}

function describeDifferences (outputs: readonly OutputDifference[]): string {
  return formatTable([
    ['EXAMPLE', 'OUTPUT', 'LARGEST DIFFERENCE', 'TOLERANCE', 'STATUS'],
    ...outputs.map(({ example, output, largest, tolerance, ok }) => [
      String(example), output, largest === null ? '-' : largest.toPrecision(3), largest === null ? 'equal' : String(tolerance), ok ? 'ok' : 'differs'
    ])
  ])
}

function tolerance (text: string): number {
  const value = Number(text)
  if (text.trim() !== '' && value >= 0 && Number.isFinite(value)) return value
  throw new InvalidArgumentError('expected a number of at least 0')
}
