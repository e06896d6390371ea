import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { classifyError } from '../../src/retry/classify.ts';
import { ERROR_KINDS, ERROR_RULES } from '../../src/retry/rules.ts';
import { CASES, retryTable } from './retries.ts';

const page = readFileSync(new URL('../../../../docs/retries.md', import.meta.url), 'utf8');

describe('docs/retries.md', () => {
  it('says of each error and phase what the code decides', () => {
    const [head = ''] = retryTable();
    const lines = page.split('\n');
    const from = lines.indexOf(head);
    const table = lines.slice(from, from + retryTable().length);
    expect(table).toEqual(retryTable());
    expect(lines[from + table.length]).toBe('');
  });

  it('leaves out no kind of error', () => {
    const shown = new Set(CASES.flatMap(({ errors }) => errors.map((error) => classifyError(error).kind)));
    expect([...shown].sort()).toEqual([...ERROR_KINDS].sort());
  });

  it('names every SQLSTATE that has a row of its own', () => {
    const states = ERROR_RULES.flatMap(({ codes }) => codes).filter((code) =>
      /^[0-9][0-9A-Z]{4}$/.test(code),
    );
    expect(states.filter((code) => !page.includes(code))).toEqual([]);
  });
});
