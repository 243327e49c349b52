const EVERY_MS = 20

/** Resolves with the first result of `probe` that is not undefined or false; for states that announce no event. */
export async function eventually<T> (what: string, probe: () => Promise<T> | T, withinMs = 15_000): Promise<NonNullable<Exclude<T, false>>> {
  const deadline = performance.now() + withinMs
  for (;;) {
    const result = await probe()
    if (result !== undefined && result !== null && result !== false) return result as NonNullable<Exclude<T, false>>
    if (performance.now() > deadline) throw new Error(`${what} did not come true within ${withinMs} ms`)
    await new Promise((resolve) => { setTimeout(resolve, EVERY_MS) })
  }
}
