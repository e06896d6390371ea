import fc from 'fast-check';
import { describe, expect, it } from 'vitest';
import { EXTRA_QUESTIONS } from '../../src/floors/evidence.ts';
import type { ProbeFacts } from '../../src/model/observation.ts';
import { longPollText, PROBES, parseFacts, probeText } from '../../src/monitor/probe.ts';

const STANDBY = {
  in_recovery: 'true',
  read_only: 'off',
  version: '180004',
  started: '1770000000123456',
  timeline: null,
  lsn: '0/3000148',
  received: '0/3000200',
  replay_age: '12.345',
  system_identifier: '7300000000000000001',
  checkpoint_timeline: '3',
  recovery_timeline: '2',
  backend: '4711',
  clock_us: '1770000001123456',
};
const PRIMARY = {
  ...STANDBY,
  in_recovery: 'false',
  timeline: '0000000A',
  recovery_timeline: null,
  received: null,
  replay_age: null,
};
const STANDBY_FACTS: ProbeFacts = {
  inRecovery: true,
  readOnly: false,
  systemIdentifier: '7300000000000000001',
  timeline: undefined,
  timelineAtLeast: 3,
  recoveryTimeline: 2,
  uptimeMs: undefined,
  walSenders: undefined,
  acceptEpoch: undefined,
  lsn: 0x3000148n,
  receivedLsn: 0x3000200n,
  replayAgeMs: 12.345,
  postmasterStartedAt: '1770000000123456',
  backendPid: 4711,
  clockUs: '1770000001123456',
  serverVersion: 180_004,
};

describe('what a probe tells', () => {
  it('of a standby', () => {
    expect(parseFacts(STANDBY)).toEqual(STANDBY_FACTS);
  });

  it('of a primary: its timeline is hexadecimal', () => {
    expect(parseFacts(PRIMARY)).toEqual({
      ...STANDBY_FACTS,
      inRecovery: false,
      timeline: 10,
      recoveryTimeline: undefined,
      receivedLsn: undefined,
      replayAgeMs: undefined,
    });
  });

  it('of a server that tells nothing but its role', () => {
    expect(parseFacts({ in_recovery: 'false', read_only: 'on', version: '150018' })).toEqual({
      inRecovery: false,
      readOnly: true,
      systemIdentifier: undefined,
      timeline: undefined,
      timelineAtLeast: undefined,
      recoveryTimeline: undefined,
      uptimeMs: undefined,
      walSenders: undefined,
      acceptEpoch: undefined,
      lsn: undefined,
      receivedLsn: undefined,
      replayAgeMs: undefined,
      postmasterStartedAt: undefined,
      backendPid: undefined,
      clockUs: undefined,
      serverVersion: 150_018,
    });
  });

  it.each([
    ['no row', undefined],
    ['an empty row', {}],
    ['another row', { one: 1 }],
    ['no role', { ...PRIMARY, in_recovery: null }],
    ['a role in other words', { ...PRIMARY, in_recovery: 'maybe' }],
  ])('is nothing where the reply is %s', (_name, row) => {
    expect(parseFacts(row)).toBeUndefined();
  });

  it.each<[keyof typeof STANDBY, keyof ProbeFacts, readonly unknown[]]>([
    [
      'replay_age',
      'replayAgeMs',
      ['-0.5', '-12', 'NaN', 'Infinity', '', ' ', '0x10', '1e400', 'soon', null, 17, {}],
    ],
    ['lsn', 'lsn', ['', '0', '0/', '/0', '0/123456789', '0/G', '0/0 ', null, 5, {}]],
    ['received', 'receivedLsn', ['nonsense', null]],
    ['timeline', 'timeline', ['00000000', '1', '0000000G', '000000001', '', null, 1]],
    ['checkpoint_timeline', 'timelineAtLeast', ['0', '-1', '1.5', '', 'x', null, 3]],
    ['system_identifier', 'systemIdentifier', ['', '-1', 'abc', '1'.repeat(21), null, 7_300_000]],
    ['started', 'postmasterStartedAt', ['', '1e9', '2026-01-01', null, 5]],
    ['version', 'serverVersion', ['', '18.4', '0', null, 180_004]],
  ])('%s: garbage is an unknown fact', (column, fact, values) => {
    for (const value of values) expect(parseFacts({ ...STANDBY, [column]: value })?.[fact]).toBeUndefined();
  });

  it('is never wrong in kind, whatever comes', () => {
    const value = fc.oneof(
      fc.string(),
      fc.integer(),
      fc.constant(null),
      fc.constantFrom(...Object.values(STANDBY)),
      fc.object(),
    );
    const row = fc.dictionary(fc.constantFrom(...Object.keys(STANDBY)), value);
    fc.assert(
      fc.property(row, (drawn) => {
        const facts = parseFacts(drawn);
        if (facts === undefined) return;
        expect(Object.isFrozen(facts)).toBe(true);
        for (const number of [facts.timeline, facts.timelineAtLeast, facts.serverVersion]) {
          if (number !== undefined) expect(Number.isInteger(number) && number > 0).toBe(true);
        }
        expect(facts.replayAgeMs ?? 0).toBeGreaterThanOrEqual(0);
      }),
    );
  });
});

/** The questions at rest, from the full one down. */
const TEXTS = PROBES.map((_sources, level) => probeText(level, []));

describe('the questions', () => {
  it('ask for less and less, and always for the role', () => {
    const lengths = TEXTS.map((text) => text.length);
    expect(lengths).toEqual([...lengths].sort((a, b) => b - a));
    for (const text of TEXTS) expect(text).toContain('pg_is_in_recovery()::text as in_recovery');
    expect(TEXTS.at(-1)).not.toMatch(/pg_control|wal/);
  });

  it('name every function with its schema, so that no search_path can replace it', () => {
    for (const text of [...TEXTS, probeText(0, EXTRA_QUESTIONS), longPollText(500, 10)]) {
      for (const [, before, name] of text.matchAll(/(\S*?)\b((?:pg_|current_|clock_)\w+)\(/g)) {
        expect(`${before}${name}`).toMatch(/pg_catalog\.\w+$/);
      }
    }
  });

  it('wait in a long poll that commits in each step, and not longer than the bound', () => {
    expect(longPollText(499.9, 10)).toContain("interval '499 milliseconds'");
    expect(longPollText(500, 10)).toMatch(/LOOP[\s\S]*pg_sleep[\s\S]*COMMIT[\s\S]*END LOOP/);
  });

  it('look every step', () => {
    expect(longPollText(500, 10)).toContain('step float8 := 0.01;');
    expect(longPollText(500, 100)).toContain('step float8 := 0.1;');
  });
});
