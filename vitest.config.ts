import { defineConfig } from 'vitest/config'

/** Tests that start processes: each file gets a fresh environment, and what they start is compiled once before. */
const STARTING_PROCESSES = [
  'test/{e2e,models}/**/*.test.ts',
  'test/registry/{crash,crash-steps,import-crash,processes,hub-processes,distribution/crash,formats/runtime}.test.ts'
]

/** Tests with programs of others, which may not be there: `npm run test:peers`. */
const WITH_PEERS = ['test/peers/**/*.test.ts']

export default defineConfig({
  test: {
    testTimeout: 30_000,
    hookTimeout: 30_000,
    maxWorkers: 2,
    projects: [
      { extends: true, test: { name: 'processes', include: STARTING_PROCESSES, globalSetup: 'test/support/compile.ts' } },
      { extends: true, test: { name: 'plain', include: ['test/**/*.test.ts'], exclude: [...STARTING_PROCESSES, ...WITH_PEERS], isolate: false } },
      { extends: true, test: { name: 'peers', include: WITH_PEERS, globalSetup: 'test/support/compile.ts' } }
    ]
  }
})
