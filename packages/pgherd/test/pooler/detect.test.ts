import { describe, expect, it } from 'vitest';
import {
  examine,
  ROUTES,
  type Route,
  type RouteEvidence,
  routeAfter,
  statedRoute,
} from '../../src/pooler/detect.ts';
import { ScriptedConnection, serverError } from '../support/scripted-connection.ts';

describe('the route to a server', () => {
  it('is what the options state', () => {
    expect([undefined, false, true].map(statedRoute)).toEqual(ROUTES);
  });

  it.each<[Route, RouteEvidence, Route]>([
    ['unknown', 'startup-refused', 'pooler'],
    ['unknown', 'sign', 'pooler'],
    ['unknown', 'no-sign', 'direct'],
    ['direct', 'startup-refused', 'pooler'],
    ['direct', 'sign', 'pooler'],
    ['direct', 'no-sign', 'direct'],
    ['pooler', 'startup-refused', 'pooler'],
    ['pooler', 'sign', 'pooler'],
    ['pooler', 'no-sign', 'pooler'],
    ['unknown', 'proof', 'pooler'],
    ['direct', 'proof', 'pooler'],
    ['pooler', 'proof', 'pooler'],
  ])('%s, then %s: %s; a pooler that the options state is not doubted', (route, evidence, expected) => {
    expect(routeAfter(route, evidence, 'unknown')).toBe(expected);
    expect(routeAfter(route, evidence, 'pooler')).toBe('pooler');
  });

  it.each<[RouteEvidence, Route]>([
    ['no-sign', 'direct'],
    ['sign', 'direct'],
    ['startup-refused', 'pooler'],
    ['proof', 'pooler'],
  ])('that the options state to be direct, then %s: %s', (evidence, expected) => {
    expect(routeAfter('direct', evidence, 'direct')).toBe(expected);
    expect(routeAfter('pooler', evidence, 'direct')).toBe('pooler');
  });
});

describe('whether a pooler stands in between', () => {
  const reports = { server_version: '18.4', in_hot_standby: 'off' };
  const cases: [string, ScriptedConnection, boolean, RegExp | undefined][] = [
    ['the process that it names', answering(71, '71'), true, undefined],
    ['another process', answering(71, '72'), true, /the process that answers/],
    ['a process number below zero', answering(-1_316_987_732, '8491'), true, /the process that answers/],
    ['no process at all', answering(71, undefined), true, undefined],
    ['nonsense', answering(71, '-1'), true, undefined],
    ['an old server, of which the driver tells nothing', silent({ server_version: '13.4' }), true, undefined],
    ['a server that tells its role', silent(reports), true, undefined],
    ['a server that does not tell its role', silent({ server_version: '18.4' }), true, /in_hot_standby/],
    ['nothing, by a driver that reports no parameters', silent({ server_version: '18.4' }), false, undefined],
    ['nothing', silent({}), true, undefined],
  ];
  it.each(cases)('%s', async (_what, connection, reportsParameters, expected) => {
    const sign = await examine(connection, reportsParameters);
    if (expected === undefined) expect(sign).toBeUndefined();
    else expect(sign).toMatch(expected);
  });

  it('a server that refuses the question proves nothing; a lost connection is an error', async () => {
    const refusing = new ScriptedConnection({ backendPid: 71 });
    refusing.answer = () => Promise.reject(serverError('permission denied', '42501', 'ERROR'));
    expect(await examine(refusing, true)).toBeUndefined();
    refusing.answer = () => Promise.reject(new Error('Connection terminated unexpectedly'));
    await expect(examine(refusing, true)).rejects.toThrow('terminated');
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
