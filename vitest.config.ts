import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Sources are tested as they are: the `@pgherd/source` export condition points at `src`, so no build comes first. */
const source = { conditions: ['@pgherd/source'] };

/** They keep all processors busy. */
const ALONE = ['integration/test/failover/busy-servers.test.ts'];

export default defineConfig({
  // As Node resolves: `module` is a condition of bundlers, whose files Node may be unable to load.
  ssr: { resolve: { conditions: ['@pgherd/source', 'node'] } },
  resolve: source,
  test: {
    // One more than there are cores, and three at least: most of what the tests wait for are servers, not the processor.
    maxWorkers: Math.max(2, availableParallelism()) + 1,
    globalSetup: ['./tools/vitest/leftovers.ts'],
    setupFiles: ['./tools/vitest/load.ts'],
    // Waits have a bound of their own, and say what they wait for: this one is for what hangs without a word.
    testTimeout: 300_000,
    hookTimeout: 300_000,
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // They change nothing that another file could see, so that a worker loads the sources once for all of its files.
          isolate: false,
          include: ['packages/*/test/**/*.test.{ts,tsx}', 'tools/**/*.test.ts', 'bench/test/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['integration/test/**/*.test.ts'],
          exclude: ALONE,
        },
      },
      {
        extends: true,
        test: {
          name: 'alone',
          include: ALONE,
          // After all others, which would have no processor for seconds.
          sequence: { groupOrder: 1 },
        },
      },
    ],
  },
});
