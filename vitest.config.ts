import { defineConfig } from 'vitest/config';

export default defineConfig({
  test: {
    include: ['test/**/*.test.ts'],
    setupFiles: ['test/support/properties.ts'],
    globalSetup: ['test/support/built.ts', 'test/support/folder.ts', 'test/support/shared-postgres.ts'],
    testTimeout: 60_000,
    hookTimeout: 60_000,
    // Whole-system tests start real servers; two at a time is what two cores carry without starving timers.
    maxWorkers: 2,
    // To load the sources anew for every file, and to make its keys, threads and databases, would be half of the work.
    isolate: false,
    unstubEnvs: true,
    // A `.only` that was left in would pass for the whole suite.
    allowOnly: false,
  },
});
