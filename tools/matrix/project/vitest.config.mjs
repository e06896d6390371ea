import { defineConfig } from 'vitest/config';

export default defineConfig({ test: { include: ['seen.vitest.mjs'] } });
