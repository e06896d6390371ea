import { describe, expect, it } from 'vitest';
import { readMembers } from '../../src/discovery/patroni-members.ts';

interface MemberOf {
  readonly [key: string]: unknown;
}

function member(name: string, changes: MemberOf = {}): MemberOf {
  return {
    name,
    role: 'replica',
    state: 'streaming',
    api_url: `http://${name}:8008/patroni`,
    host: `${name}.example.test`,
    port: 5432,
    timeline: 3,
    lag: 0,
    ...changes,
  };
}

function read(members: readonly unknown[], more: MemberOf = {}, zoneTag = 'zone') {
  return readMembers(JSON.stringify({ members, scope: 'test', ...more }), zoneTag);
}

function readOne(changes: MemberOf) {
  return read([member('a', changes)])[0];
}

describe('members of Patroni', () => {
  it('reads an answer of Patroni 3.0 as it came over the wire', () => {
    const answer =
      '{"members": [{"name": "p1", "role": "leader", "state": "running", "api_url": "http://127.0.0.1:8011/patroni", ' +
      '"host": "127.0.0.1", "port": 5511, "timeline": 2, "tags": {"clonefrom": true}}, {"name": "p2", "role": ' +
      '"sync_standby", "state": "running", "api_url": "http://127.0.0.1:8012/patroni", "host": "127.0.0.1", "port": 5512, ' +
      '"timeline": 2, "lag": 0}, {"name": "p3", "role": "replica", "state": "start failed", "api_url": ' +
      '"http://127.0.0.1:8013/patroni", "host": "127.0.0.1", "port": 5513, "tags": {"nofailover": true, "noloadbalance": ' +
      'true, "zone": "b", "disk": "slow"}, "lag": "unknown"}], "pause": true, "scheduled_switchover": {"at": "2030-01-01"}}';
    const plain = { zone: undefined, tags: {}, promotable: true, readable: true };
    expect(readMembers(answer, 'zone')).toEqual([
      { host: '127.0.0.1', port: 5511, ...plain, leader: true },
      { host: '127.0.0.1', port: 5512, ...plain, leader: false },
      {
        host: '127.0.0.1',
        port: 5513,
        zone: 'b',
        tags: { zone: 'b', disk: 'slow' },
        promotable: false,
        readable: false,
        leader: false,
      },
    ]);
  });

  it.each([
    ['leader', true],
    ['master', true],
    ['primary', true],
    ['replica', false],
    ['sync_standby', false],
    ['quorum_standby', false],
    ['standby_leader', false],
    ['a role of tomorrow', false],
  ])('%s: leads %s', (role, leader) => {
    expect(readOne({ role })).toMatchObject({ leader });
  });

  it.each([
    'running',
    'streaming',
    'starting',
    'stopped',
    'crashed',
    'start failed',
    'creating replica',
    '',
  ])('lists a member that is "%s": it is asked itself', (state) => {
    expect(readOne({ state })).toMatchObject({ host: 'a.example.test', promotable: true, readable: true });
  });

  it.each<[MemberOf, boolean, boolean]>([
    [{}, true, true],
    [{ nofailover: true }, false, true],
    [{ nofailover: false }, true, true],
    [{ nofailover: 'true' }, false, true],
    [{ nofailover: 'false' }, true, true],
    [{ nofailover: 1 }, false, true],
    [{ nofailover: null, failover_priority: 0 }, false, true],
    [{ failover_priority: 0 }, false, true],
    [{ failover_priority: '0' }, false, true],
    [{ failover_priority: 2 }, true, true],
    [{ nofailover: false, failover_priority: 0 }, true, true],
    [{ noloadbalance: true }, true, false],
    [{ nosync: true, clonefrom: true, replicatefrom: 'b', nostream: true }, true, true],
  ])('tags %j: promotable %s, readable %s', (tags, promotable, readable) => {
    expect(readOne({ tags })).toMatchObject({ promotable, readable, tags: {} });
  });

  it('a leader that is tagged nofailover leads on', () => {
    expect(readOne({ role: 'leader', tags: { nofailover: true } })).toMatchObject({
      promotable: true,
      leader: true,
    });
  });

  it('takes the zone from the tag that was named, and keeps tags of the operator as texts', () => {
    const tags = { datacenter: 'north', rack: 7, spare: true, nested: { no: 1 }, nosync: true };
    expect(read([member('a', { tags })], {}, 'datacenter')).toMatchObject([
      { zone: 'north', tags: { datacenter: 'north', rack: '7', spare: 'true' } },
    ]);
  });

  it('takes the usual port where the member has none', () => {
    expect(readOne({ port: undefined })).toMatchObject({ port: 5432 });
  });

  it.each<[string, string, RegExp]>([
    ['no JSON', '<html>502 Bad Gateway</html>', /"<html>502 Bad Gateway<\/html>", which is no JSON/],
    ['nothing', '', /which is no JSON/],
    ['JSON of something else', '{"state":"running","role":"primary"}', /without a list of members/],
    ['a list', '[]', /without a list of members/],
    ['null', 'null', /without a list of members/],
    ['no member', '{"members":[]}', /named no member/],
    [
      'a very long text',
      `"${'x'.repeat(5_000)}`,
      /^answered .{70,110}… \(5001 characters\)", which is no JSON$/,
    ],
    ['deep nesting', '['.repeat(500_000), /which is no JSON/],
  ])('refuses %s', (_what, text, message) => {
    expect(() => readMembers(text, 'zone')).toThrow(message);
  });

  it('names every bad member and what is wrong with it', () => {
    const members = [
      member('no-host', { host: undefined }),
      member('no-name', { name: 7, host: 'a b' }),
      member('bad-port', { port: '5432' }),
      member('big-port', { port: 70_000 }),
      member('no-role', { role: null }),
      member('bad-tags', { tags: ['x'] }),
      'text',
      member('good'),
      member('same', { host: 'good.example.test' }),
      member('one', { role: 'leader' }),
      member('two', { role: 'leader' }),
    ];
    expect(() => read(members)).toThrow(
      [
        'named members that cannot be used: "no-host": host is undefined, but must be a host name or an IP address',
        'member 2: host is "a b", but must be a host name or an IP address',
        '"bad-port": port is "5432", but must be an integer from 1 to 65535',
        '"big-port": port is 70000, but must be an integer from 1 to 65535',
        '"no-role": role is null, but must be a string',
        '"bad-tags": tags are an array, but must be an object',
        'member 7: is "text", but must be an object',
        '"same": is at good.example.test:5432 just as "good"; see connect_address',
        '2 members are called leader',
      ].join('; '),
    );
  });
});
