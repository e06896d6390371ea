import { describe, expect, it } from 'vitest';
import { planFromSurroundings } from '../../src/login/environment.ts';
import {
  fromPooler,
  localSettings,
  localSettingsText,
  refusesStartupParameters,
  seesPooler,
} from '../../src/pooler/detect.ts';
import { classifyError, connectFailureOf, phaseOf } from '../../src/retry/classify.ts';
import { ScriptedConnection, serverError } from '../support/scripted-connection.ts';

const pooler = (message: string): Error => serverError(message, '08P01', 'FATAL');

describe('what a pooler says', () => {
  it.each([
    'query_wait_timeout',
    'server login has been failing, try again later (server_login_retry)',
    'server login has been failing, cached error: the database system is starting up (server_login_retry)',
    'no more connections allowed (max_client_conn)',
    'client_login_timeout',
  ])('"%s": nothing was sent to the server', (message) => {
    const error = fromPooler(pooler(message));
    expect(error).toMatchObject({ code: 'PGHERD_CONNECTION_LOST', cause: { message } });
    expect(phaseOf(error)).toBe('not-handed');
    expect(connectFailureOf(error)).toBe('closed');
  });

  it.each([
    'server conn crashed?',
    'client_idle_timeout',
    'idle transaction timeout',
    'something new',
  ])('"%s": the connection is lost, and with it the outcome', (message) => {
    const error = fromPooler(pooler(message));
    const { kind, severity, nodeVerdict, safeToRetry } = classifyError(error);
    expect({ kind, severity, nodeVerdict }).toEqual({
      kind: 'connection-lost',
      severity: undefined,
      nodeVerdict: 'probe',
    });
    expect(safeToRetry(phaseOf(error))).toBe(false);
    expect(safeToRetry('in-transaction')).toBe(true);
  });

  it.each([
    'SASL authentication failed',
    'password authentication failed',
    'no such user: stranger',
  ])('"%s": we are not let in', (message) => {
    expect(connectFailureOf(fromPooler(pooler(message)))).toBe('authentication');
  });

  it('what the server says through it passes as it is', () => {
    for (const error of [
      serverError('terminating connection', '57P01', 'FATAL'),
      serverError('bad message', '08P01', 'ERROR'),
      new Error('Connection terminated unexpectedly'),
      undefined,
    ]) {
      expect(fromPooler(error)).toBe(error);
    }
  });

  it('a refused startup parameter is told from everything else', () => {
    expect(refusesStartupParameters(pooler('unsupported startup parameter: options'))).toBe(true);
    expect(refusesStartupParameters(pooler('unsupported startup parameter in options: geqo'))).toBe(true);
    expect(refusesStartupParameters(pooler('server conn crashed?'))).toBe(false);
    expect(refusesStartupParameters(serverError('unsupported startup parameter', '22023', 'FATAL'))).toBe(
      false,
    );
  });
});

describe('whether a pooler stands in between', () => {
  const reports = { server_version: '18.4', in_hot_standby: 'off' };
  const cases: [string, ScriptedConnection, boolean, RegExp | undefined][] = [
    ['the process that it names', answering(71, '71'), true, undefined],
    ['another process', answering(71, '72'), true, /another process/],
    ['a process number below zero', answering(-1_316_987_732, '8491'), true, /another process/],
    ['no process at all', answering(71, undefined), true, undefined],
    ['nonsense', answering(71, '-1'), true, undefined],
    ['an old server, of which the driver tells nothing', silent({ server_version: '13.4' }), true, undefined],
    ['a server that tells its role', silent(reports), true, undefined],
    ['a server that does not tell its role', silent({ server_version: '18.4' }), true, /in_hot_standby/],
    ['nothing, by a driver that reports no parameters', silent({ server_version: '18.4' }), false, undefined],
    ['nothing', silent({}), true, undefined],
  ];
  it.each(cases)('%s', async (_what, connection, reportsParameters, expected) => {
    const sign = await seesPooler(connection, reportsParameters);
    if (expected === undefined) expect(sign).toBeUndefined();
    else expect(sign).toMatch(expected);
  });

  it('a server that refuses the question proves nothing; a lost connection is an error', async () => {
    const refusing = new ScriptedConnection({ backendPid: 71 });
    refusing.answer = () => Promise.reject(serverError('permission denied', '42501', 'ERROR'));
    expect(await seesPooler(refusing, true)).toBeUndefined();
    refusing.answer = () => Promise.reject(new Error('Connection terminated unexpectedly'));
    await expect(seesPooler(refusing, true)).rejects.toThrow('terminated');
  });
});

function answering(backendPid: number, pid: string | undefined): ScriptedConnection {
  const connection = new ScriptedConnection({ backendPid });
  connection.answer = () => ({ rows: pid === undefined ? [] : [{ pid }] });
  return connection;
}

function silent(parameters: Record<string, string>): ScriptedConnection {
  return new ScriptedConnection({ parameters });
}

describe('settings that a session cannot keep', () => {
  const settingsOf = (url: string, env: Record<string, string> = {}) =>
    Object.fromEntries(
      localSettings(planFromSurroundings({ url, env, random: { next: () => 0 }, portRule: 'libpq' })),
    );

  it.each([
    ['', {}],
    ['-c geqo=off', { geqo: 'off' }],
    ['-cgeqo=off  --statement-timeout=7s', { geqo: 'off', statement_timeout: '7s' }],
    ['-c search_path=a\\ b,c\\\\d', { search_path: 'a b,c\\d' }],
    ['-c my.setting=a=b', { 'my.setting': 'a=b' }],
    ['-c geqo=', { geqo: '' }],
  ])('options "%s"', (options, expected) => {
    expect(settingsOf(`postgres://h/?options=${encodeURIComponent(options)}`)).toEqual(expected);
  });

  it('come from options, schema and environment', () => {
    expect(settingsOf('postgres://h/?schema=Shop', { PGTZ: 'UTC' })).toEqual({
      search_path: '"Shop"',
      timezone: 'UTC',
    });
  });

  it.each([
    '-B 20',
    '-c',
    '-c geqo',
    'geqo=off',
    '--=1',
  ])('"%s" cannot be made for a transaction', (options) => {
    expect(() => settingsOf(`postgres://h/?options=${encodeURIComponent(options)}`)).toThrow(
      expect.objectContaining({ code: 'PGHERD_UNSUPPORTED' }),
    );
  });

  it('are made by one statement, whatever they contain', () => {
    expect(localSettingsText(new Map())).toBe('');
    const settings = new Map([
      ['a', "it's"],
      ['b', 'back\\slash'],
    ]);
    expect(localSettingsText(settings)).toBe(
      "SELECT pg_catalog.set_config(E'a', E'it''s', true), pg_catalog.set_config(E'b', E'back\\\\slash', true)",
    );
  });
});
