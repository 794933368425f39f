import { defineConfig } from 'vitest/config';

const timed = ['test/event_loop.test.ts'];

export default defineConfig({
  test: {
    // Processes: a crash of the addon then fails its file alone, and process.env is each file's own.
    pool: 'forks',
    maxWorkers: 2,
    testTimeout: 60_000,
    hookTimeout: 60_000,
    reporters: ['default', './test/support/counts_reporter.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'tests',
          include: ['test/**/*.test.ts'],
          exclude: timed,
          sequence: { groupOrder: 0 },
        },
      },
      {
        extends: true,
        // One after the other and after all else: they measure delays, which their neighbours would lengthen.
        test: { name: 'timed tests', include: timed, maxWorkers: 1, sequence: { groupOrder: 1 } },
      },
    ],
  },
});
