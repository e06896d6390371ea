import { fileURLToPath } from 'node:url';
import { defineConfig } from 'vitest/config';

const source = (file: string): string => fileURLToPath(new URL(`../../../src/${file}`, import.meta.url));

export default defineConfig({
  // The sources, also for the global set-up, which knows no conditions of our own.
  resolve: {
    alias: [
      { find: /^@pgherd\/testing\/vitest$/, replacement: source('vitest.ts') },
      { find: /^@pgherd\/testing$/, replacement: source('index.ts') },
    ],
  },
  test: {
    include: ['*.spec.ts'],
    globalSetup: ['./servers.ts'],
    testTimeout: 120_000,
    hookTimeout: 120_000,
    maxWorkers: 4,
  },
});
