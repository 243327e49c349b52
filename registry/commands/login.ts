import type { Command } from 'commander'
import type { Credentials } from '../distribution/credentials.js'
import { RegistryError } from '../errors.js'
import { quote } from '../names.js'
import type { RegistryCommandsContext } from './context.js'
import { addRemoteOptions, clientOptions, type RemoteFlags } from './remote-options.js'

const PASSWORD_BYTES_MAX = 64 * 1024

interface LoginFlags extends RemoteFlags {
  readonly username: string
  readonly passwordStdin?: boolean
  readonly quiet?: boolean
}

/** `gauntlet login`. */
export function addLogin (program: Command, { print, warn, signal }: RegistryCommandsContext): void {
  addRemoteOptions(program.command('login'))
    .description('keep the credentials for another registry, once it has accepted them')
    .argument('<host>', 'the registry, for example registry.example:5000')
    .requiredOption('--username <name>', 'who you are there')
    .option('--password-stdin', 'read the password from standard input; without it a terminal is asked')
    .option('--quiet', 'print nothing')
    .action(async (host: string, { username, passwordStdin = false, quiet = false, ...remote }: LoginFlags) => {
      const [{ CredentialStore }, { checkHost }] = await Promise.all([
        import('../distribution/credentials.js'), import('../distribution/remote-reference.js')
      ])
      checkHost(host)
      if (username.includes(':')) throw new RegistryError('CREDENTIALS_INVALID', `the name ${quote(username)} must not contain a colon`)
      if (!passwordStdin && !process.stdin.isTTY) {
        throw new RegistryError('CREDENTIALS_INVALID', 'standard input is no terminal; give --password-stdin and the password there')
      }
      const password = passwordStdin ? await readPassword() : await askPassword(`password of ${username} at ${host}: `)
      if (password === '') throw new RegistryError('CREDENTIALS_INVALID', 'the password is empty')
      await checkCredentials(host, { username, password }, remote, signal)
      const store = new CredentialStore()
      await store.set(host, { username, password })
      if (quiet) return
      print({ status: 'logged-in', host, username, file: store.path }, () => `logged in to ${host} as ${username}`)
      warn(`the password is in ${store.path}, which only you may read`)
    })
}

/** `gauntlet logout`. */
export function addLogout (program: Command, { print }: RegistryCommandsContext): void {
  program.command('logout')
    .description('forget the credentials for another registry')
    .argument('<host>', 'the registry')
    .option('--quiet', 'print nothing')
    .action(async (host: string, { quiet = false }: { quiet?: boolean }) => {
      const { CredentialStore } = await import('../distribution/credentials.js')
      const isForgotten = await new CredentialStore().forget(host)
      if (quiet) return
      print({ status: isForgotten ? 'logged-out' : 'unchanged', host }, () => isForgotten
        ? `logged out of ${host}`
        : `nobody is logged in to ${host}`)
    })
}

/** @throws RegistryError REMOTE_UNAUTHORIZED when the registry does not know them */
async function checkCredentials (
  host: string, credentials: Credentials, remote: RemoteFlags, signal: AbortSignal | undefined
): Promise<void> {
  const [{ RegistryClient }, { dropBody }] = await Promise.all([
    import('../distribution/client.js'), import('../distribution/transport.js')
  ])
  const client = new RegistryClient({ host, credentials, ...await clientOptions(remote, signal) })
  try {
    const reply = await client.request({ method: 'GET', target: '/v2/', scopes: [] })
    if (reply.status === 401 || reply.status === 403) {
      await dropBody(reply)
      throw new RegistryError('REMOTE_UNAUTHORIZED', `${host} does not accept the name ${quote(credentials.username)} with this password`)
    }
    if (reply.status !== 200) throw await client.refusal(reply, 'a login')
    await dropBody(reply)
  } finally {
    client.close()
  }
}

/** Standard input up to its end, without the line break that `echo` adds. */
async function readPassword (): Promise<string> {
  let text = ''
  for await (const chunk of process.stdin.setEncoding('utf8')) {
    text += chunk as string
    if (text.length > PASSWORD_BYTES_MAX) {
      throw new RegistryError('CREDENTIALS_INVALID', `the password is longer than ${PASSWORD_BYTES_MAX} characters`)
    }
  }
  return text.replace(/\r?\n$/, '')
}

/** Asks on a terminal and shows nothing of what is typed. */
async function askPassword (question: string): Promise<string> {
  const [{ createInterface }, { Writable }] = await Promise.all([import('node:readline/promises'), import('node:stream')])
  const silent = new Writable({ write: (_chunk, _encoding, done) => { done() } })
  const terminal = createInterface({ input: process.stdin, output: silent, terminal: true })
  process.stderr.write(question)
  try {
    return await terminal.question('')
  } finally {
    terminal.close()
    process.stderr.write('\n')
  }
}
