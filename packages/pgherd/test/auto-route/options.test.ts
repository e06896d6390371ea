import { expect, it } from 'vitest';
import { type AutoRouteOptions, autoRouteWith } from '../../src/auto-route/options.ts';
import type { RouterPorts } from '../../src/model/text-route.ts';
import { realParser } from './parser.ts';

const PORTS: RouterPorts = { now: () => 0, ask: async () => [] };

it.each<readonly [object, string]>([
  [{ reads: 'primary' }, 'reads is "primary", but must be one of prefer-standby, standby, read-only, any'],
  [{ reads: 7 }, 'reads is 7'],
  [{ standbyFunctions: 'f' }, 'standbyFunctions must be a list of names'],
  [{ standbyFunctions: [''] }, 'standbyFunctions must be a list of names'],
  [{ read: 'any' }, 'did you mean reads?'],
])('refuses %j', (options, sentence) => {
  expect(() => autoRouteWith(realParser(), options as AutoRouteOptions)).toThrow(sentence);
});

it.each<readonly [string, () => Promise<never>]>([
  ['cannot be loaded', () => Promise.reject(new Error('no such file'))],
  ['is another one', () => Promise.resolve((() => 'a tree') as never)],
])('fails the calls, with the versions that would do, if the parser %s', async (_what, load) => {
  const router = autoRouteWith(load(), {}).routerOf(PORTS);
  const error = await Promise.resolve(router.routeOf('select 1')).catch((reason: unknown) => reason);
  expect(error).toMatchObject({
    code: 'PGHERD_UNSUPPORTED',
    message: expect.stringContaining('libpg-query 18.1 or newer'),
  });
});

it('names the target of reads', async () => {
  const { reads, routerOf } = autoRouteWith(realParser(), { reads: 'any' });
  expect(reads).toBe('any');
  expect(await routerOf(PORTS).routeOf('select 1')).toEqual({ target: 'any', why: 'it only reads' });
});
