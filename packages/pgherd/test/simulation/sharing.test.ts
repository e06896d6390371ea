import { describe, expect, it } from 'vitest';
import { playRuleOnCopy, withBug } from './planted-copy.ts';
import { PLANTED_IN_SHARING } from './planted-in-sharing.ts';
import { SHARING_RULES } from './sharing-rules.ts';

describe('how work is shared', () => {
  it.each(
    Object.entries(SHARING_RULES).flatMap(([name, rule]) =>
      [1, 2, 3].map((seed) => [name, seed, rule] as const),
    ),
  )('%s (seed %i)', async (_name, seed, rule) => {
    expect(await rule(seed)).toEqual([]);
  });
});

describe('the simulation of sharing finds bugs', () => {
  it.each(PLANTED_IN_SHARING)('the place for "$name" is in the sources once', (bug) => {
    expect(withBug(bug)).toContain(bug.replace);
  });

  const sought = process.env['CI'] === undefined ? PLANTED_IN_SHARING.slice(0, 2) : PLANTED_IN_SHARING;
  it.each(sought)('$name', async (bug) => {
    const output = await playRuleOnCopy(bug, 'sharing-cli.ts');
    expect(output, `the rule "${bug.rule}" does not find it`).toContain(`${bug.rule}, seed`);
  });
});
