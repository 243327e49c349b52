import { Agent, request } from 'node:http'
import { seededRandom } from '../support/random.js'

const CONCURRENT = 24
const REQUESTS_PER_SESSION = 4

interface Reply { readonly status: number, readonly body: string, readonly requestId: string }

/** Users of the demo: short sessions that classify held-out tickets and report whether the answer was right. */
export class Sessions {
  readonly #agent = new Agent({ keepAlive: true, maxSockets: CONCURRENT })
  readonly #random: () => number
  #sessions = 0
  count = 0
  failed = 0

  constructor (
    private readonly url: string,
    private readonly model: string,
    private readonly tickets: readonly { readonly text: string, readonly label: string }[],
    seed: number
  ) {
    this.#random = seededRandom(seed)
  }

  /** Keeps a number of users busy until `signal` is aborted; resolves when the last of them is done. */
  async run (signal: AbortSignal): Promise<void> {
    await Promise.all(Array.from({ length: CONCURRENT }, async () => {
      while (!signal.aborted) await this.#session(`demo-${++this.#sessions}`, signal)
    }))
  }

  close (): void {
    this.#agent.destroy()
  }

  async #session (id: string, signal: AbortSignal): Promise<void> {
    for (let i = 0; i < REQUESTS_PER_SESSION && !signal.aborted; i++) {
      const ticket = this.tickets[Math.floor(this.#random() * this.tickets.length)]!
      const inputs = [{ name: 'text', datatype: 'BYTES', shape: [1], data: [ticket.text] }]
      const answer = await this.#post(`/v2/models/${this.model}/infer`, { inputs }, { 'x-session-id': id })
      this.count++
      if (answer.status !== 200) {
        this.failed++
        continue
      }
      const { outputs } = JSON.parse(answer.body) as { outputs: { name: string, data: unknown[] }[] }
      const label = outputs.find(({ name }) => name === 'label')!.data[0]
      const values = { correct: label === ticket.label ? 1 : 0 }
      await this.#post('/v1/feedback', { requestId: answer.requestId, values, label: ticket.label }, {})
    }
  }

  #post (path: string, body: unknown, headers: Record<string, string>): Promise<Reply> {
    return new Promise((resolve, reject) => {
      const text = JSON.stringify(body)
      const call = request(new URL(path, this.url), {
        method: 'POST',
        agent: this.#agent,
        headers: { ...headers, 'content-type': 'application/json', 'content-length': Buffer.byteLength(text) }
      }, (response) => {
        const chunks: Buffer[] = []
        response.on('data', (chunk: Buffer) => chunks.push(chunk))
        response.on('end', () => {
          resolve({ status: response.statusCode ?? 0, body: Buffer.concat(chunks).toString(), requestId: String(response.headers['x-request-id']) })
        })
      })
      call.on('error', reject)
      call.end(text)
    })
  }
}
