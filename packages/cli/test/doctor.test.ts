import type { Lease } from 'pgherd';
import { describe, expect, it } from 'vitest';
import { readOnlyBy } from '../src/doctor/collect.ts';
import { examine, RULE_NAMES } from '../src/doctor/examine.ts';
import type { DoctorFacts, NodeFacts, ServerFacts } from '../src/doctor/facts.ts';
import { sharesSessions } from '../src/doctor/shared-sessions.ts';
import { sharedFindings } from '../src/doctor/text.ts';
import { endOfLife } from '../src/doctor/versions.ts';

const GOOD_SERVER: ServerFacts = {
  version: 180_001,
  settings: {
    fsync: 'on',
    full_page_writes: 'on',
    hot_standby_feedback: 'off',
    idle_session_timeout: '0',
    max_connections: '100',
    max_standby_streaming_delay: '30000',
    password_encryption: 'scram-sha-256',
    recovery_min_apply_delay: '0',
    reserved_connections: '0',
    ssl: 'off',
    statement_timeout: '0',
    superuser_reserved_connections: '3',
    synchronous_commit: 'on',
    synchronous_standby_names: '',
    wal_level: 'replica',
  },
  isEncrypted: false,
  isSuperuser: false,
  roleLimit: null,
  databaseLimit: null,
  mayReadControl: true,
  clockAheadMs: 3,
  roundTripMs: 1,
  slots: [{ name: 'db2', active: true, retainedBytes: 0 }],
  senders: [{ name: 'db2', syncState: 'async' }],
  isReceiving: null,
  isReplayPaused: false,
  conflicts: 0,
  extensions: [{ name: 'plpgsql', offered: '1.0' }],
  readOnlyBy: null,
  sharesSessions: false,
};

function node(
  role: 'primary' | 'standby',
  server: Partial<ServerFacts> = {},
  picture: Partial<NodeFacts['picture']> = {},
): NodeFacts {
  return {
    picture: {
      name: role === 'primary' ? 'db1:5432' : 'db2:5432',
      role,
      health: 'ok',
      healthReason: undefined,
      standing: 'current',
      standingReason: undefined,
      connectFailure: undefined,
      aliasOf: undefined,
      several: undefined,
      serverVersion: 180_001,
      lag: { bytes: role === 'standby' ? 0 : undefined, ms: role === 'standby' ? 0 : undefined },
      ...picture,
    },
    route: 'direct',
    server: { ...GOOD_SERVER, isReceiving: role === 'standby' ? true : null, ...server },
  };
}

const set = (settings: Readonly<Record<string, string>>): Partial<ServerFacts> => ({
  settings: { ...GOOD_SERVER.settings, ...settings },
});

const extensions = (offered: string): Partial<ServerFacts> => ({
  extensions: [{ name: 'postgis', offered }],
});

function facts(nodes: readonly NodeFacts[], over: Partial<DoctorFacts> = {}): DoctorFacts {
  const common = { user: 'app', database: 'shop', keepalives: true, processes: 4, poolMax: 10 };
  return {
    pooler: undefined,
    sessionSettings: [],
    nodes,
    ...common,
    today: '2026-03-01T00:00:00.000Z',
    ...over,
  };
}

const GOOD = [node('primary'), node('standby')];

const PLANTED: Readonly<Record<string, DoctorFacts>> = {
  'no-primary': facts([node('standby')]),
  'different-versions': facts([
    node('primary'),
    { ...node('primary', {}, { name: 'old:5432', serverVersion: 130_023 }), server: undefined },
  ]),
  'keepalives-off': facts(GOOD, { keepalives: false }),
  'node-unreachable': facts([...GOOD, { ...node('standby', {}, { health: 'offline' }), server: undefined }]),
  'node-not-examined': facts([
    ...GOOD,
    { ...node('standby'), server: undefined, failure: 'permission denied for …' },
  ]),
  'node-not-believed': facts([...GOOD, node('primary', {}, { standing: 'stale' })]),
  'same-server-twice': facts([...GOOD, node('standby', {}, { aliasOf: 'db1:5432' })]),
  'several-servers-at-one-address': facts([
    ...GOOD,
    node('standby', {}, { several: { since: 0, servers: 2, barsWrites: false } }),
  ]),
  'read-only-primary': facts([...GOOD, node('primary', {}, { role: 'primary-read-only' })]),
  'read-only-by-default': facts([
    node('primary', { readOnlyBy: { kind: 'alter', what: 'database "shop"' } }),
    node('standby', { readOnlyBy: { kind: 'alter', what: 'database "shop"' } }),
  ]),
  'end-of-life': facts(GOOD.map((one) => ({ ...one, server: { ...GOOD_SERVER, version: 130_020 } }))),
  'superuser-login': facts([node('primary', { isSuperuser: true })]),
  'control-file-hidden': facts([node('primary', { mayReadControl: false })]),
  unencrypted: facts([node('primary', set({ ssl: 'on' }))]),
  'weak-passwords': facts([node('primary', set({ password_encryption: 'md5' }))]),
  'too-few-connections': facts(GOOD, { processes: 9 }),
  'slot-inactive': facts([node('primary', { slots: [{ name: 'old', active: false, retainedBytes: 5 }] })]),
  'synchronous-standby-missing': facts([
    node('primary', set({ synchronous_standby_names: 'ANY 1 (db2, db3)' })),
  ]),
  'durability-off': facts([node('primary', set({ fsync: 'off' }))]),
  'wal-level-minimal': facts([node('primary', set({ wal_level: 'minimal' }))]),
  'statement-timeout-short': facts([node('primary', set({ statement_timeout: '200' }))]),
  'idle-timeout-short': facts([node('primary', set({ idle_session_timeout: '5000' }))]),
  'not-receiving': facts([node('primary'), node('standby', { isReceiving: false })]),
  'replay-paused': facts([node('primary'), node('standby', { isReplayPaused: true })]),
  'replay-delayed': facts([node('primary'), node('standby', set({ recovery_min_apply_delay: '60000' }))]),
  'far-behind': facts([node('primary'), node('standby', {}, { lag: { bytes: 2 ** 30, ms: undefined } })]),
  'reads-hold-up-replay': facts([
    node('primary'),
    node('standby', set({ max_standby_streaming_delay: '-1' })),
  ]),
  'reads-are-cancelled': facts([node('primary'), node('standby', { conflicts: 4 })]),
  'clock-skew': facts([node('primary', { clockAheadMs: -9_000 })]),
  'pooler-in-statement-mode': facts([
    node('primary'),
    { ...node('standby'), server: undefined, failure: 'The pooler … (pool_mode = statement), which …' },
  ]),
  'pooler-undeclared': facts([node('primary', { sharesSessions: true })]),
  'pooler-denied': facts([node('primary', { sharesSessions: true })], { pooler: false }),
  'pooler-keeps-sessions': facts([{ ...node('primary'), route: 'pooler' }]),
  'pooler-with-session-settings': facts([node('primary', { sharesSessions: true })], {
    pooler: true,
    sessionSettings: ['search_path'],
  }),
  'extension-missing': facts([
    node('primary', extensions('1.5')),
    node('standby', { extensions: [{ name: 'postgis', offered: null }] }),
  ]),
  'different-extensions': facts([node('primary', extensions('3.5')), node('standby', extensions('3.4'))]),
  'different-preloads': facts([
    node('primary', set({ shared_preload_libraries: 'pg_stat_statements' })),
    node('standby', set({ shared_preload_libraries: '' })),
  ]),
};

describe('the rules of the doctor', () => {
  it('are silent on a good cluster', () => {
    expect(examine(facts(GOOD))).toEqual([]);
  });

  it('each have a planted fault here', () => {
    expect(Object.keys(PLANTED).sort()).toEqual([...RULE_NAMES].sort());
  });

  it.each(Object.entries(PLANTED))('%s is found, and nothing else', (rule, planted) => {
    const findings = examine(planted);
    expect(new Set(findings.map((finding) => finding.rule))).toEqual(new Set([rule]));
    for (const { evidence, remedy, page } of findings) {
      expect(evidence).not.toMatch(/undefined|NaN|\[object/);
      expect(remedy.length).toBeGreaterThan(10);
      expect(page).toMatch(/^[a-z-]+\.md/);
    }
  });

  it.each([
    ['no limit', {}, 0],
    ['of the role', { roleLimit: 20 }, 1],
    ['of the database', { databaseLimit: 43 }, 1],
    ['just enough', { databaseLimit: 44, roleLimit: 44 }, 0],
    ['both', { databaseLimit: 2, roleLimit: 2 }, 2],
  ])('counts 4 processes × 11 connections against the limits: %s', (_name, limits, count) => {
    expect(examine(facts([node('primary', limits)]))).toHaveLength(count);
  });

  it.each([
    ['ANY 2 (a, b, c)', ['quorum'], 1],
    ['ANY 1 (a, b, c)', ['quorum'], 0],
    ['FIRST 1 (a, b)', ['sync', 'potential'], 0],
    ['a, b', [], 1],
    ['a', ['sync'], 0],
    ['a', [null], 0],
  ])('counts who confirms: %s with %j', (names, states, count) => {
    const senders = states.map((syncState) => ({ name: 'x', syncState }));
    const server = { ...set({ synchronous_standby_names: names }), senders };
    expect(examine(facts([node('primary', server)]))).toHaveLength(count);
  });

  it.each([
    ['a pooler that is declared', facts([node('primary', { sharesSessions: true })], { pooler: true })],
    [
      'a pooler in session mode that is said to be none',
      facts([{ ...node('primary'), route: 'pooler' }], { pooler: false }),
    ],
    [
      'more processes than connections behind a pooler',
      facts([node('primary', { sharesSessions: true })], { pooler: true, processes: 90 }),
    ],
    [
      'libraries that the role may see on one server only',
      facts([node('primary', set({ shared_preload_libraries: 'a' })), node('standby')]),
    ],
    ['sessions of which nothing is known', facts([node('primary', { sharesSessions: null })])],
  ])('are silent about %s', (_name, fine) => {
    expect(examine(fine)).toEqual([]);
  });

  it.each([
    ['standbys', false, undefined, 'warning', false],
    ['what the monitor has met', true, undefined, 'error', true],
    ['what the doctor has met', false, true, 'error', true],
  ] as const)('say of several servers whether writes wait: %s', (_name, barsWrites, isPrimaryMet, severity, waits) => {
    const several = { since: 0, servers: 2, barsWrites };
    const behind = { ...node('standby', {}, { several }), server: undefined, isPrimaryMet };
    const others = waits ? [] : [node('primary')];
    const [finding, ...more] = examine(facts([behind, ...others]));
    expect(finding).toMatchObject({ rule: 'several-servers-at-one-address', severity });
    expect(finding?.evidence.includes('writes wait')).toBe(waits);
    expect(more).toEqual([]);
  });

  it('puts errors first', () => {
    const server = { ...set({ fsync: 'off', password_encryption: 'md5' }), isSuperuser: true };
    const severities = examine(facts([node('primary', server)])).map(({ severity }) => severity);
    expect(severities).toEqual(['error', 'warning', 'warning']);
  });
});

describe('whether sessions are shared', () => {
  /** Connections whose statements are served by the sessions that `next` names; each has a number of its own. */
  const verbs = (next: (connection: number) => number) => {
    let opened = 0;
    return {
      use: async (fn: (lease: Lease) => unknown) => {
        const connection = opened++;
        return fn({ one: async () => ({ pid: next(connection) }) } as unknown as Lease);
      },
    } as unknown as Parameters<typeof sharesSessions>[0];
  };
  const byTurns = (sessions: number, from = 0) => {
    let asked = from;
    return () => asked++ % sessions;
  };

  it.each([
    ['each has its own', (connection: number) => connection, false],
    ['the one used last', () => 7, true],
    ...[1, 2, 3, 4, 5].map((sessions) => [`${sessions} by turns`, byTurns(sessions), true] as const),
    ['two by turns, after others', byTurns(2, 1), true],
  ] as const)('%s', async (_name, next, isShared) => {
    expect(await sharesSessions(verbs(next))).toBe(isShared);
  });

  it('is not known where no second connection is to be had', async () => {
    const full = { use: () => Promise.reject(new Error('too many clients')) };
    expect(await sharesSessions(full as unknown as Parameters<typeof sharesSessions>[0])).toBeNull();
  });
});

it('findings that differ in the server alone are shown as one', () => {
  const findings = examine(facts(GOOD, { processes: 9, keepalives: false }));
  expect(findings).toHaveLength(3);
  expect(sharedFindings(findings).map(({ rule, nodes }) => [rule, nodes])).toEqual([
    ['keepalives-off', []],
    ['too-few-connections', ['db1:5432', 'db2:5432']],
  ]);
});

describe('what makes the sessions of a primary read-only', () => {
  const row = { first_value: 'on', altered_value: null, altered: null };
  const altered = (value: string) => ({ altered_value: value, altered: 'role app' });

  it.each([
    ['on', true],
    ['TRUE', true],
    ['ye', true],
    ['1', true],
    ['off', false],
    ['o', false],
    ['0', false],
  ])('alter role app set default_transaction_read_only = %s counts as on: %s', (value, isOn) => {
    const found = readOnlyBy(
      { ...row, first_value: isOn ? 'on' : 'off', ...altered(value) },
      'primary',
      false,
    );
    expect(found).toEqual(isOn ? { kind: 'alter', what: 'role app' } : null);
  });

  it.each([
    ['nothing', { ...row, first_value: 'off' }, 'primary', false, null],
    ['the client', row, 'primary', false, { kind: 'client' }],
    [
      'the client, whatever the role says',
      { ...row, ...altered('off') },
      'primary',
      false,
      { kind: 'client' },
    ],
    ['the server, which shows in its role', row, 'primary-read-only', false, null],
    [
      'nothing, since the client switches it off',
      { ...row, first_value: 'off', ...altered('on') },
      'primary',
      false,
      null,
    ],
    [
      'the role, behind a pooler whose session is older',
      { ...row, first_value: 'off', ...altered('on') },
      'primary',
      true,
      { kind: 'alter', what: 'role app' },
    ],
    ['one session of a pooler, which is nothing to go by', row, 'primary', true, null],
  ] as const)('%s', (_name, seen, role, isShared, expected) => {
    expect(readOnlyBy(seen, role, isShared)).toEqual(expected);
  });
});

it.each([
  [180_001, '2030-11-14'],
  [90_600, '2024-11-21'],
  [250_000, undefined],
])('the end of life of %i is %s', (version, end) => {
  expect(endOfLife(version)).toBe(end);
});
