import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { BREAKS } from '../../src/dashboard-breaks/breaks.ts';
import { withBreak } from '../../src/dashboard-breaks/copy.ts';

const tests = readFileSync(new URL('./page.test.ts', import.meta.url), 'utf8');

// Whether they are found takes minutes: `npm run dashboard:breaks`.
describe('a break of the dashboard', () => {
  it.each(BREAKS)('has its place, once: $name', (broken) => {
    expect(withBreak(broken)).toContain(broken.replace);
  });

  it.each([...new Set(BREAKS.map(({ test }) => test))])('has its test: %s', (test) => {
    // A table of tests is named by its words and the value of each.
    const [words = test] = test.split('), ');
    expect(tests.split(words).length - 1).toBe(1);
  });
});
