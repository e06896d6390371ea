import { describe, expect, it } from 'vitest';
import { hostList } from '../../src/discovery/allowed.ts';
import type { DiscoveredNode } from '../../src/discovery/port.ts';
import { type ListContext, nothingAllowed, readNodeList } from '../../src/herd/node-list.ts';

const CONTEXT: ListContext = {
  discovery: 'registry',
  defaultPort: 5432,
  options: {},
  configured: [
    { host: 'db1', port: 5432, transport: 'tcp' },
    { host: 'db2', port: 5432, transport: 'tcp', hostaddr: '10.0.0.2' },
    { host: '/run/postgresql', port: 5432, transport: 'unix' },
  ],
  allowed: undefined,
};

const originOf = (node: DiscoveredNode) => readNodeList([node], CONTEXT).nodes[0]?.labels.origin;

describe('a node of a list is configured', () => {
  it.each<[what: string, DiscoveredNode]>([
    ['as the connection string names it', { host: 'db1' }],
    ['with its port', { host: 'db1', port: 5432 }],
    ['with its own name as the name of its certificate', { host: 'db1', serverName: 'db1' }],
    ['with its own address', { host: 'db2', hostaddr: '10.0.0.2' }],
    ['at its own socket', { host: '/run/postgresql' }],
  ])('%s', (_what, node) => {
    expect(originOf(node)).toBe('configured');
  });
});

describe('a node of a list is discovered', () => {
  it.each<[what: string, DiscoveredNode]>([
    ['at another port', { host: 'db1', port: 5433 }],
    ['at an address', { host: 'db1', hostaddr: '10.0.0.1' }],
    ['at another address', { host: 'db2', hostaddr: '10.0.0.3' }],
    ['without the address that the connection string gives', { host: 'db2' }],
    ['with another name of its certificate', { host: 'db1', serverName: 'stranger.example' }],
    ['at another socket', { host: '/tmp' }],
    ['at an abstract socket', { host: '@/run/postgresql' }],
  ])('%s', (_what, node) => {
    expect(originOf(node)).toBe('discovered');
  });
});

describe('allowDiscovered', () => {
  const limited: ListContext = { ...CONTEXT, allowed: hostList(['*.shop.example', '10.0.0.0/8']) };

  it('refuses what it does not cover, by the place that would be dialled', () => {
    const list: DiscoveredNode[] = [
      { host: 'db1' },
      { host: 'db7.shop.example' },
      { host: 'db8.shop.example', hostaddr: '192.0.2.1', leader: true },
      { host: 'anywhere', hostaddr: '10.0.0.9' },
      { host: 'evil.example' },
      { host: '/tmp' },
    ];
    const { nodes, refused, leader } = readNodeList(list, limited);
    expect(nodes.map(({ address }) => address.host)).toEqual(['db1', 'db7.shop.example', 'anywhere']);
    expect([...refused.keys()]).toEqual([
      'db8.shop.example:5432',
      'evil.example:5432',
      expect.stringContaining('/tmp'),
    ]);
    expect(leader).toBeUndefined();
    expect(refused.get('evil.example:5432')).toBe(
      '"evil.example" is not covered by allowDiscovered, which has *.shop.example, 10.0.0.0/8. ' +
        'If it is a server of yours, add its domain or network, or name it in the connection string.',
    );
    expect(nothingAllowed('registry', refused)).toMatchObject({
      code: 'PGHERD_DISCOVERY_FAILED',
      message: expect.stringContaining('no node is allowed (3 refused)'),
    });
  });

  it('leaves the connection string nothing but itself if it is empty', () => {
    const { nodes, refused } = readNodeList([{ host: 'db1' }, { host: 'db3' }], {
      ...CONTEXT,
      allowed: hostList([]),
    });
    expect(nodes).toHaveLength(1);
    expect(refused.get('db3:5432')).toContain('allowDiscovered, which is empty');
  });
});
