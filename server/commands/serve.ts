import { once } from 'node:events'
import type { Command } from 'commander'

export interface ServeContext {
  readonly options: () => { readonly dataDir: string }
  readonly signal: AbortSignal
  readonly print: (json: unknown, text: () => string) => void
}

/** `gauntlet serve`: runs the gateway until it is told to stop. */
export function addServeCommand (program: Command, { options, signal, print }: ServeContext): void {
  program.command('serve')
    .description('serve the champions, drive the rollouts')
    .option('--port <number>', 'TCP port; 0 takes a free one (default: 8080)')
    .option('--host <address>', 'address to bind (default: 127.0.0.1)')
    .option('--registry-port <number>', 'TCP port where OCI tools read the registry; 0 takes a free one (default: off)')
    .option('--log-level <level>', 'error, warn, info, debug or silent (default: info)')
    .option('--cache-bytes-max <bytes>', 'what the copies of versions in the cache may have together (default: 32 GiB)')
    .option('--remote-origins <origins>', 'servers that may be opened for remote versions, as https://host:port with commas between them (default: none)')
    .addHelpText('after', '\nEvery setting can be given in the environment: see docs/configuration.md.')
    .action(async (flags: {
      port?: string,
      host?: string,
      registryPort?: string,
      logLevel?: string,
      cacheBytesMax?: string,
      remoteOrigins?: string
    }) => {
      const { dataDir } = options()
      const [{ pino }, { loadConfig }, { startGateway }] = await Promise.all([
        import('pino'), import('../config.js'), import('../gateway.js')
      ])
      const config = loadConfig(process.env, { ...flags, dataDir })
      const logger = pino({ level: config.logLevel }, pino.destination(2))
      const gateway = await startGateway(config, (level, message, fields) => { logger[level](fields, message) })
      const { url, registryUrl } = gateway
      print({ url, ...registryUrl === null ? {} : { registryUrl } },
        () => `gauntlet is listening on ${url}${registryUrl === null ? '' : `\nthe registry can be read at ${registryUrl}`}`)
      if (!signal.aborted) await once(signal, 'abort')
      logger.info('stopping')
      await gateway.close()
    })
}
