import { describe, expect, it } from 'vitest';
import { ADDRESS_RULES } from './addresses-rules.ts';
import { playRuleOnCopy, withBug } from './planted-copy.ts';
import { PLANTED_IN_ADDRESSES } from './planted-in-addresses.ts';

describe('addresses that lead to several servers', () => {
  it.each(
    Object.entries(ADDRESS_RULES).flatMap(([name, rule]) =>
      [1, 2, 3].map((seed) => [name, seed, rule] as const),
    ),
  )('%s (seed %i)', async (_name, seed, rule) => {
    expect(await rule(seed)).toEqual([]);
  });
});

describe('the simulation of addresses finds bugs', () => {
  it.each(PLANTED_IN_ADDRESSES)('the place for "$name" is in the sources once', (bug) => {
    expect(withBug(bug)).toContain(bug.replace);
  });

  const sought = process.env['CI'] === undefined ? PLANTED_IN_ADDRESSES.slice(0, 2) : PLANTED_IN_ADDRESSES;
  it.each(sought)('$name', async (bug) => {
    const output = await playRuleOnCopy(bug, 'addresses-cli.ts');
    expect(output, `the rule "${bug.rule}" does not find it`).toContain(`${bug.rule}, seed`);
  });
});
