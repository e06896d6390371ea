import { describe, expect, test } from 'vitest';
import { checkPurity } from '../purity.ts';
import { repository } from './fixture.ts';

const FILE = 'packages/pgherd/src/topology/node.ts';

describe('purity', () => {
  test('lets a clean repository pass, in which time/system.ts reads the clock', () => {
    expect(checkPurity(repository())).toEqual([]);
  });

  test.each([
    'Date.now()',
    `Date['now']()`,
    'new Date()',
    'Date()',
    'globalThis.Date.now()',
    '(({ now }) => now())(Date)',
    'performance.now()',
    'globalThis.performance.now()',
    'Math.random()',
    'setTimeout(() => 1, 1)',
    'globalThis.setTimeout(() => 1, 1)',
    'setInterval',
    '{ setImmediate }',
    'crypto.randomUUID()',
    'crypto.getRandomValues(new Uint8Array(1))',
    'process.env',
    'process.env.PGHOST',
    'process.hrtime.bigint()',
    'AbortSignal.timeout(1)',
  ])('objects to `%s`', (expression) => {
    const findings = checkPurity(repository({ [FILE]: `\nexport const x = ${expression};\n` }));
    expect(findings).toEqual([expect.objectContaining({ file: FILE, line: 2 })]);
  });

  test.each([
    `import { setTimeout } from 'node:timers/promises';`,
    `import { performance } from 'perf_hooks';`,
    `import { randomBytes as bytes } from 'node:crypto';`,
    `import * as crypto from 'node:crypto';`,
    `import { env } from 'node:process';`,
  ])('objects to `%s`', (statement) => {
    const findings = checkPurity(repository({ [FILE]: `${statement}\n` }));
    expect(findings).toEqual([expect.objectContaining({ file: FILE, line: 1 })]);
  });

  test.each([
    'new Date(0)',
    'Date.UTC(2026, 1)',
    'Math.max(1, 2)',
    '({} as object) instanceof Date',
    '{ setTimeout: 1, performance: 2 }',
    '(clock: { setTimeout(): void }) => clock.setTimeout()',
    'queueMicrotask',
    `crypto.subtle`,
    'process.nextTick',
    '(x: typeof performance | Date) => x',
  ])('accepts `%s`', (expression) => {
    expect(checkPurity(repository({ [FILE]: `export const x = ${expression};\n` }))).toEqual([]);
  });

  test('objects to waiting and to the console in a folder that decides, and only there', () => {
    const text = `export async function x(): Promise<void> {\n  await 1;\n  console.log(1);\n}\n`;
    const findings = checkPurity(
      repository({ [FILE]: text, 'packages/pgherd/src/monitor/monitor.ts': text }),
    );
    expect(findings.map(({ file, line }) => [file, line])).toEqual([
      [FILE, 1],
      [FILE, 2],
      [FILE, 3],
    ]);
  });

  test('gives a file of the environment nothing but the environment', () => {
    const file = 'packages/pgherd/src/login/surroundings.ts';
    const findings = checkPurity(
      repository({ [file]: 'export const a = process.env;\nexport const b = Date.now();\n' }),
    );
    expect(findings).toEqual([expect.objectContaining({ file, line: 2 })]);
  });
});
