import { defineConfig } from 'vitest/config'

/** Tests that kill processes at every step of what they do: `npm run test:crash`. */
const KILLING = ['test/**/*crash*.test.ts']

/** Tests with programs of others, which may not be there: `npm run test:peers`. */
const WITH_PEERS = ['test/peers/**/*.test.ts']

/** Tests that take long, of simulations, real models, and threads that read a registry: `npm run test:long`. */
const LONG = [
  'test/e2e/{rollout-examples,simulation,real-models,gate,post-mortem}.test.ts',
  'test/server/simulation/run.test.ts',
  'test/evaluators/simulation.test.ts'
]

/** Tests that start processes: each file gets a fresh environment, and what they start is compiled once before. */
const STARTING_PROCESSES = [
  'test/{e2e,models}/**/*.test.ts',
  'test/registry/{processes,hub-processes,formats/runtime}.test.ts'
]

const globalSetup = 'test/support/compile.ts'
const elsewhere = [...KILLING, ...WITH_PEERS, ...LONG]

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'processes', include: STARTING_PROCESSES, exclude: elsewhere, globalSetup } },
      {
        extends: true,
        test: { name: 'plain', include: ['test/**/*.test.ts'], exclude: [...STARTING_PROCESSES, ...elsewhere], isolate: false }
      },
      { extends: true, test: { name: 'crash', include: KILLING, globalSetup } },
      { extends: true, test: { name: 'long', include: LONG, globalSetup } },
      { extends: true, test: { name: 'peers', include: WITH_PEERS, globalSetup } }
    ]
  }
})
