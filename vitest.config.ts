import { availableParallelism } from 'node:os';
import { defineConfig } from 'vitest/config';

/** Sources are tested as they are: the `@pgherd/source` export condition points at `src`, so no build comes first. */
const source = { conditions: ['@pgherd/source'] };

export default defineConfig({
  ssr: { resolve: { conditions: ['@pgherd/source', 'node', 'module'] } },
  resolve: source,
  test: {
    // As many as there are cores, and two at least: most of what the tests wait for are servers, not the processor.
    maxWorkers: Math.max(2, availableParallelism()),
    globalSetup: ['./tools/vitest/leftovers.ts'],
    projects: [
      {
        extends: true,
        test: {
          name: 'unit',
          // Some start servers and processes, beside other tests that do.
          testTimeout: 20_000,
          include: ['packages/*/test/**/*.test.{ts,tsx}', 'tools/**/*.test.ts', 'bench/test/**/*.test.ts'],
        },
      },
      {
        extends: true,
        test: {
          name: 'integration',
          include: ['integration/test/**/*.test.ts'],
          testTimeout: 60_000,
          hookTimeout: 60_000,
        },
      },
    ],
  },
});
