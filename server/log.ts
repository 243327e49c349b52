/** Where the gateway says what happens. Payloads and secrets never go here. */
export type Log = (level: 'info' | 'warn' | 'error', message: string, fields: Record<string, unknown>) => void
