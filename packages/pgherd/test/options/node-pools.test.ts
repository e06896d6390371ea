import { describe, expect, it } from 'vitest';
import { InvalidOptionsError } from '../../src/model/errors.ts';
import type { ClusterOptions } from '../../src/options/options.ts';
import { resolveSettings } from '../../src/options/settings.ts';

const HERE: ClusterOptions = { url: 'postgres://app@a,b/shop', env: {} };

function violations(options: object): readonly string[] {
  try {
    resolveSettings({ ...HERE, ...options });
  } catch (error) {
    if (error instanceof InvalidOptionsError) return error.violations;
    throw error;
  }
  return [];
}

describe('the pool of a single node', () => {
  it('differs where it says so, and gives way where only all nodes were meant', () => {
    const { pool, nodePools } = resolveSettings({
      ...HERE,
      pool: { max: 8, min: 4, validateAfterMs: 250, maxUses: 7 },
      nodes: { 'a:5432': { pool: { max: 2, validate: 'never' } }, 'b:5432': { zone: 'z' } },
    });
    expect(pool).toMatchObject({ max: 8, min: 4, validateAfterMs: 250 });
    expect([...nodePools.keys()]).toEqual(['a:5432']);
    expect(nodePools.get('a:5432')).toMatchObject({
      max: 2,
      min: 2,
      maxUses: 7,
      validateAfterMs: Number.POSITIVE_INFINITY,
    });
    const always = { ...HERE, nodes: { 'a:5432': { pool: { validateAfterMs: 9 } } } };
    expect(resolveSettings(always).nodePools.get('a:5432')?.validateAfterMs).toBe(9);
  });

  it.each([
    [{ max: 0 }, 'nodes["a:5432"].pool.max is 0, but must be a whole number, at least 1'],
    [{ mx: 1 }, 'nodes["a:5432"].pool.mx is not an option; did you mean max?'],
    [{ leakAfterMs: 1 }, 'nodes["a:5432"].pool.leakAfterMs is not an option'],
    [{ min: 11 }, 'nodes["a:5432"].pool.max is 10, but must be at least its min, which is 11'],
    [7, 'nodes["a:5432"].pool is 7, but must be an object of options, as pool is'],
  ])('refuses %o', (pool, sentence) => {
    expect(violations({ nodes: { 'a:5432': { pool } } })).toEqual([sentence]);
  });
});

describe('hooks', () => {
  it('are functions, known by name', () => {
    expect(violations({ hooks: { afterConect: () => 1, beforeClose: 'x' } })).toEqual([
      'hooks.afterConect is not an option; did you mean hooks.afterConnect?',
      'hooks.beforeClose is "x", but must be a function',
    ]);
  });
});
