import { describe, expect, it } from 'vitest';
import { applicationNames } from '../../src/options/application-name.ts';

const node = 'db1:5432';
const both = (names: ReturnType<typeof applicationNames>) => [
  names.of({ node, purpose: 'pool' }),
  names.of({ node, purpose: 'monitor' }),
];

describe('the names of connections', () => {
  it.each<[string, string | undefined, string[]]>([
    ['none', undefined, ['pgherd', 'pgherd monitor']],
    ['a text', 'api', ['api', 'api monitor']],
    ['a text of 63 bytes', 'a'.repeat(63), ['a'.repeat(63), `${'a'.repeat(55)} monitor`]],
    ['a longer text', 'a'.repeat(70), ['a'.repeat(63), `${'a'.repeat(55)} monitor`]],
    ['a text of wide characters', '🐎'.repeat(20), ['🐎'.repeat(15), `${'🐎'.repeat(13)} monitor`]],
  ])('by %s', (_what, given, expected) => {
    const names = applicationNames(given, 'pgherd');
    expect(both(names)).toEqual(expected);
    for (const name of both(names)) expect(Buffer.byteLength(name)).toBeLessThanOrEqual(63);
    expect(names.common).toBe(given ?? 'pgherd');
  });

  it('by a function of the node and the purpose, cut as well', () => {
    const names = applicationNames(({ node: of, purpose }) => `${purpose} ${of} ${'x'.repeat(80)}`, 'shop');
    const [pool = '', monitor = ''] = both(names);
    expect(pool).toMatch(/^pool db1:5432 x+$/);
    expect(monitor).toMatch(/^monitor db1:5432 x+$/);
    expect([pool.length, monitor.length]).toEqual([63, 63]);
    expect(names.common).toBe('shop');
  });

  it.each([[undefined], [''], [7], ['a\0b']])('a function that returns %j is refused', (value) => {
    const names = applicationNames(() => value as string, 'shop');
    expect(() => names.of({ node, purpose: 'pool' })).toThrow(/applicationName is a function that returned/);
  });
});
