import { describe, expect, it } from 'vitest';
import { hostList, invalidItems } from '../../src/discovery/allowed.ts';

describe('an item of allowDiscovered', () => {
  it.each<[item: string, host: string, covered: boolean]>([
    ['db.example.com', 'db.example.com', true],
    ['db.example.com', 'DB.Example.COM.', true],
    ['DB.example.com.', 'db.example.com', true],
    ['db.example.com', 'a.db.example.com', false],
    ['db.example.com', 'db.example.com.evil', false],
    ['*.example.com', 'db.example.com', true],
    ['*.example.com', 'a.db.example.com', true],
    ['*.example.com', 'example.com', false],
    ['*.example.com', '.example.com', false],
    ['*.example.com', 'evilexample.com', false],
    ['*.example.com', '10.0.0.1', false],
    ['*.com', '/db.com', false],
    ['10.0.0.0/8', '10.255.0.1', true],
    ['10.0.0.0/8', '11.0.0.1', false],
    ['10.0.0.0/8', '::ffff:10.0.0.1', true],
    ['10.0.0.0/8', '10.0.0.1.evil.example', false],
    ['10.1.2.3', '10.1.2.3', true],
    ['10.1.2.3', '10.1.2.4', false],
    ['10.0.0.0/8', '167772161', false],
    ['0.0.0.0/0', '8.8.8.8', true],
    ['0.0.0.0/0', '2001:db8::1', false],
    ['fd00::/8', 'fd12::1', true],
    ['fd00::/8', 'fe80::1', false],
    ['::1', '::1', true],
    ['/run/postgresql', '/run/postgresql', true],
    ['/run/postgresql', '/run/postgresql/../../tmp', false],
    ['/run/postgresql', '@/run/postgresql', false],
    ['@shop', '@shop', true],
    ['büro.example', 'BÜRO.example', true],
  ])('%s and the host %s: %s', (item, host, covered) => {
    expect(invalidItems([item])).toEqual([]);
    expect(hostList([item]).covers(host)).toBe(covered);
    expect(hostList(['other.example', item]).covers(host)).toBe(covered);
  });

  it('covers nothing if there is none', () => {
    expect(hostList([]).covers('db.example.com')).toBe(false);
  });

  it.each([
    '',
    '*',
    '*.',
    'a..b',
    '.example.com',
    'db.*.com',
    'db example',
    'db:5432',
    'postgres://db',
    '10.0.0.0/33',
    '10.0.0.0/-1',
    '10.0.0.0/8/8',
    '10.0.0.0/',
    '10.0.0',
    'fd00::/129',
    'fe80::1%eth0',
    '/run/\0',
    7,
    null,
    undefined,
    ['db'],
  ])('is refused if it is %j', (item) => {
    expect(invalidItems([item, 'db.example.com'])).toHaveLength(1);
  });
});
