import { readFileSync } from 'node:fs';
import { describe, expect, test } from 'vitest';
import { OPTION_RULES } from '../../src/options/option-rules.ts';

const text = readFileSync(new URL('../../../../docs/options.md', import.meta.url), 'utf8');
const [clusterTable = ''] = text.split('## Per call');

/** Option name → what the column "default" says. */
const documented = new Map<string, string>();
for (const line of clusterTable.split('\n')) {
  const cells = line.split('|').map((cell) => cell.trim());
  const name = /^`([A-Za-z.]+)`$/.exec(cells[1] ?? '')?.[1];
  if (name !== undefined) documented.set(name, cells[3] ?? '');
}

describe('docs/options.md', () => {
  test('has every option, and no other', () => {
    expect([...documented.keys()].sort()).toEqual(OPTION_RULES.map((rule) => rule.name).sort());
  });

  test.each(OPTION_RULES.filter((rule) => rule.default !== undefined))('tells the default of $name', ({
    name,
    default: value,
  }) => {
    expect(documented.get(name)).toContain(String(value));
  });
});
