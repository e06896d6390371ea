import { afterEach, describe, expect, it } from 'vitest';
import { patroniDiscovery } from '../../src/discovery/patroni.ts';
import { polledDiscovery } from '../../src/discovery/polled.ts';
import type { Discovery, LeaderAnswer } from '../../src/discovery/port.ts';
import { askOneThenAnother } from '../../src/discovery/who-leads.ts';
import { systemClock } from '../../src/time/system.ts';
import { seededRandom } from '../support/random.ts';
import { virtualClock } from '../support/virtual-clock.ts';
import { type RestApi, startRestApi } from './rest-api.ts';

const FIRST = { next: () => 0 };
const says = (from: string): LeaderAnswer => ({ leader: `${from}:5432`, from });
const never = () => new Promise<never>(() => undefined);

function question(avoid: readonly string[] = [], clock = virtualClock(), random = FIRST) {
  return { clock, random, defaultPort: 5432, avoid, signal: new AbortController().signal };
}

describe('one endpoint is asked, and another', () => {
  it('only if the first is silent for 300 ms', async () => {
    const clock = virtualClock();
    const asked: string[] = [];
    const ask = (from: string) => {
      asked.push(from);
      return from === 'a' ? never() : Promise.resolve(says(from));
    };
    const answers = askOneThenAnother(['a', 'b', 'c'], (one) => one, ask, question([], clock));
    await clock.advance(299);
    expect(asked).toEqual(['a']);
    await clock.advance(1);
    expect(await answers).toEqual([says('b')]);
    expect(clock.pending).toBe(0);
  });

  it('at once if the first fails; the error is told if both do', async () => {
    const ask = (from: string) =>
      from === 'a' ? Promise.reject(new Error('no')) : Promise.resolve(says(from));
    expect(await askOneThenAnother(['a', 'b'], (one) => one, ask, question())).toEqual([says('b')]);
    const refuse = (from: string) => Promise.reject(new Error(`${from} refuses`));
    await expect(askOneThenAnother(['a', 'b'], (one) => one, refuse, question())).rejects.toThrow('refuses');
  });

  it('on the hosts to avoid only if there are no others, and else at random', async () => {
    const ask = (from: string) => Promise.resolve(says(from));
    const random = seededRandom(7);
    const seen = new Set<string>();
    for (let round = 0; round < 100; round += 1) {
      const given = question(['a'], virtualClock(), random);
      for (const { from } of await askOneThenAnother(['A', 'b', 'c'], (one) => one, ask, given))
        seen.add(from);
    }
    expect([...seen].sort()).toEqual(['b', 'c']);
    expect(await askOneThenAnother(['a'], (one) => one, ask, question(['a']))).toEqual([says('a')]);
  });
});

describe('who leads, by', () => {
  const apis: RestApi[] = [];
  afterEach(async () => {
    for (const api of apis.splice(0)) await api.close();
  });

  async function patroni(role: string): Promise<Discovery> {
    const members = [
      { name: 'p1', role, state: 'running', host: '10.0.0.1', port: 5432 },
      { name: 'p2', role: 'replica', state: 'running', host: '10.0.0.2', port: 5433 },
    ];
    const api = await startRestApi((_request, response) => response.end(JSON.stringify({ members })));
    apis.push(api);
    return patroniDiscovery({ endpoints: [api.url] });
  }

  const ask = (discovery: Discovery) =>
    discovery.whoLeads?.({
      clock: systemClock,
      random: FIRST,
      defaultPort: 5432,
      avoid: [],
      signal: new AbortController().signal,
    });

  it('Patroni: the member that holds the leader key, or nobody', async () => {
    const led = await patroni('leader');
    expect(led.authority).toBe('lease');
    expect(await ask(led)).toMatchObject([{ leader: '10.0.0.1:5432' }]);
    expect(await ask(await patroni('replica'))).toMatchObject([{ leader: undefined }]);
  });

  it('Patroni without authority: it is never asked', () => {
    const discovery = patroniDiscovery({ endpoints: ['http://db1:8008'], authority: false });
    expect([discovery.authority, discovery.whoLeads]).toEqual([undefined, undefined]);
  });

  it('a function of your own, only if it says so', async () => {
    const load = async () => [{ host: 'a' }, { host: 'b', port: 5433, leader: true }];
    expect(polledDiscovery({ name: 'ours', load }).authority).toBeUndefined();
    const discovery = polledDiscovery({ name: 'ours', load, authority: 'lease' });
    expect(await ask(discovery)).toEqual([{ leader: 'b:5433', from: 'ours' }]);
  });
});
