import { describe, expect, it } from 'vitest';
import type { DiscoveredNode } from '../../src/discovery/port.ts';
import { staticDiscovery } from '../../src/discovery/static.ts';
import { listsOf, testContext } from './context.ts';

async function nodesOf(list: readonly (DiscoveredNode | string)[]): Promise<readonly DiscoveredNode[]> {
  const lists = listsOf(staticDiscovery(list), testContext());
  const first = await lists.next();
  expect((await lists.next()).done).toBe(true);
  return first.done === true ? [] : first.value;
}

describe('staticDiscovery', () => {
  it.each([
    ['db1', { host: 'db1' }],
    ['db1.example.com:6432', { host: 'db1.example.com', port: 6432 }],
    ['10.0.0.1:5433', { host: '10.0.0.1', port: 5433 }],
    ['[2001:db8::1]:5433', { host: '2001:db8::1', port: 5433 }],
    ['[2001:db8::1]', { host: '2001:db8::1' }],
    ['2001:db8::1', { host: '2001:db8::1' }],
    ['/var/run/postgresql', { host: '/var/run/postgresql' }],
    ['/var/run/postgresql:5433', { host: '/var/run/postgresql', port: 5433 }],
  ])('reads %s', async (text, node) => {
    expect(await nodesOf([text])).toEqual([node]);
  });

  it('gives nodes as they are, once, and ends', async () => {
    const node: DiscoveredNode = {
      host: 'db1',
      port: 5433,
      zone: 'a',
      tags: { disk: 'fast' },
      promotable: false,
    };
    expect(await nodesOf([node, 'db2'])).toEqual([node, { host: 'db2' }]);
  });

  it('does not change when the caller changes what it gave', async () => {
    const list = [{ host: 'db1', port: 5432 }];
    const discovery = staticDiscovery(list);
    list[0] = { host: 'other', port: 1 };
    const { value } = await listsOf(discovery, testContext()).next();
    expect(value).toEqual([{ host: 'db1', port: 5432 }]);
  });

  it.each([
    ['an empty list', [], /empty/],
    ['an empty text', [''], /node 1: host is ""/],
    [
      'a port that is none',
      ['db1:99999'],
      /node 1 \(db1\): port is 99999, but must be an integer from 1 to 65535/,
    ],
    ['words', ['db 1'], /host is "db 1"/],
    ['a URL', ['postgres://u:p@db1/x'], /must be a host name/],
    ['brackets around no address', ['[db1]:5432'], /host is "\[db1\]:5432"/],
    ['the same node twice', ['db1:5432', { host: 'db1', port: 5432 }], /db1:5432 is listed twice/],
    [
      'two leaders',
      [
        { host: 'a', leader: true },
        { host: 'b', leader: true },
      ],
      /a and b are all called leader/,
    ],
    ['an address that is none', [{ host: 'a', hostaddr: 'b' }], /hostaddr is "b", but must be an IP address/],
  ])('refuses %s, and says which node and why', (_what, list, message) => {
    expect(() => staticDiscovery(list)).toThrow(expect.objectContaining({ code: 'PGHERD_INVALID_OPTIONS' }));
    expect(() => staticDiscovery(list)).toThrow(message);
  });

  it('names every violation at once', () => {
    const error = thrown(() => staticDiscovery(['a:0', { host: 'b', port: 1.5 }, { host: '' }]));
    expect(error).toMatchObject({
      violations: [/node 1/, /node 2/, /node 3/].map((one) => expect.stringMatching(one)),
    });
  });

  it('refuses what is no list at all', () => {
    const given: unknown = 'db1';
    expect(() => Reflect.apply(staticDiscovery, undefined, [given])).toThrow(/"db1", but must be an array/);
  });
});

function thrown(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
