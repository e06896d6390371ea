import { describe, expect, it } from 'vitest';
import type { Health } from '../../src/model/names.ts';
import type { NodeAddress } from '../../src/model/topology.ts';
import { Names } from '../../src/names/names.ts';
import { NO_LABELS, nodeName } from '../../src/topology/node.ts';
import type { Succession } from '../../src/topology/succession.ts';
import { fixedRandom } from '../support/random.ts';
import { virtualClock } from '../support/virtual-clock.ts';

const never = new AbortController().signal;
const tcp = (host: string, more: Partial<NodeAddress> = {}): NodeAddress => ({
  host,
  port: 5432,
  transport: 'tcp',
  ...more,
});

function bench(hosts: readonly NodeAddress[], redialMs = 30_000) {
  const clock = virtualClock();
  const answers = new Map<string, readonly string[] | Error | Promise<never>>();
  const asked: string[] = [];
  const lists: string[][] = [];
  const successions: (Succession | undefined)[] = [];
  const warned: string[] = [];
  const health = new Map<string, Health>();
  const state = { callsWait: false };
  const names = new Names(
    hosts.map((address) => ({ address, labels: NO_LABELS })),
    {
      clock,
      random: fixedRandom(0),
      redialMs,
      async lookUp(host) {
        asked.push(host);
        const answer = await answers.get(host);
        if (answer === undefined || answer instanceof Error) throw answer ?? new Error('no such name');
        return answer;
      },
      callsWait: () => state.callsWait,
      healthOf: (node) => health.get(node),
      changed: (nodes, succession) => {
        lists.push(nodes.map(({ address }) => nodeName(address)));
        successions.push(succession);
      },
      warned: (message) => warned.push(message),
    },
  );
  return { answers, asked, clock, health, lists, names, state, successions, warned };
}

describe('names', () => {
  it('addresses, sockets and names of the machine itself are not looked up', () => {
    const hosts = [
      tcp('192.0.2.1'),
      tcp('2001:db8::1'),
      tcp('db', { hostaddr: '192.0.2.1' }),
      tcp('/run/postgresql', { transport: 'unix' }),
      tcp('localhost'),
      tcp('LOCALHOST.'),
      tcp('localhost6'),
      tcp('shop.localhost'),
      tcp('ip6-localhost'),
      tcp('localhost.localdomain'),
    ];
    const { asked, names } = bench(hosts);
    for (const address of hosts) expect(names.lookUp(nodeName(address), never)).toBeUndefined();
    expect(asked).toEqual([]);
  });

  it('one of several addresses takes the place of its name in the list, with its port and labels', async () => {
    const { answers, lists, names, successions } = bench([tcp('a'), tcp('b', { port: 6432 }), tcp('c')]);
    answers.set('b', ['192.0.2.2', '192.0.2.1']);
    expect(await names.lookUp('b:6432', never)).toEqual(['192.0.2.2', '192.0.2.1']);
    expect(lists).toEqual([['a:5432', 'b[192.0.2.2]:6432', 'b[192.0.2.1]:6432', 'c:5432']]);
    expect(successions).toEqual([undefined]);
  });

  it('what is known of the name is known of the address where it was reached', async () => {
    const { answers, names, successions } = bench([tcp('a')]);
    answers.set('a', ['192.0.2.1']);
    await names.lookUp('a:5432', never);
    names.reached('a:5432', '192.0.2.1');
    answers.set('a', ['192.0.2.2', '192.0.2.1']);
    await names.lookUp('a:5432', never);
    expect(successions).toEqual([
      { from: 'a:5432', to: tcp('a', { hostaddr: '192.0.2.1', isOneOfSeveral: true }) },
    ]);
  });

  it('what was reached has left: nothing is known of any', async () => {
    const { answers, names, successions } = bench([tcp('a')]);
    names.reached('a:5432', '192.0.2.9');
    answers.set('a', ['192.0.2.2', '192.0.2.1']);
    await names.lookUp('a:5432', never);
    expect(successions).toEqual([undefined]);
  });

  it('dials at the same time share a lookup, and each may give up waiting', async () => {
    const { answers, asked, names } = bench([tcp('a')]);
    answers.set('a', new Promise<never>(() => {}));
    const abort = new AbortController();
    const first = names.lookUp('a:5432', abort.signal);
    void names.lookUp('a:5432', never);
    abort.abort(new Error('enough'));
    await expect(first).rejects.toThrow('enough');
    expect(asked).toEqual(['a']);
  });

  it('rejects with the error of the resolver, and asks again the next time', async () => {
    const { answers, asked, names } = bench([tcp('a')]);
    answers.set('a', new Error('ENOTFOUND'));
    await expect(names.lookUp('a:5432', never)).rejects.toThrow('ENOTFOUND');
    answers.set('a', ['192.0.2.1']);
    expect(await names.lookUp('a:5432', never)).toEqual(['192.0.2.1']);
    expect(asked).toEqual(['a', 'a']);
  });
});

describe('a name that has several addresses is looked up by itself', () => {
  async function several(redialMs?: number) {
    const all = bench([tcp('a')], redialMs);
    all.answers.set('a', ['192.0.2.1', '192.0.2.2']);
    await all.names.lookUp('a:5432', never);
    return all;
  }

  it('every probe.redialMs, while nothing waits', async () => {
    const { asked, clock } = await several();
    await clock.advance(29_999);
    expect(asked).toHaveLength(1);
    await clock.advance(1);
    expect(asked).toHaveLength(2);
    await clock.advance(30_000);
    expect(asked).toHaveLength(3);
  });

  it('every second while calls wait, and then as before', async () => {
    const { asked, clock, names, state } = await several();
    await clock.advance(5_000);
    state.callsWait = true;
    names.wanted();
    await clock.settle();
    await clock.advance(3_000);
    expect(asked).toHaveLength(5);
    state.callsWait = false;
    await clock.advance(1_000);
    expect(asked).toHaveLength(5);
    await clock.advance(29_000);
    expect(asked).toHaveLength(6);
  });

  it('never with 0, but while calls wait', async () => {
    const { asked, clock, names, state } = await several(0);
    expect(clock.pending).toBe(0);
    state.callsWait = true;
    names.wanted();
    await clock.advance(2_000);
    expect(asked).toHaveLength(3);
  });

  it('also if the resolver does not answer, which changes nothing', async () => {
    const { answers, asked, clock, lists } = await several();
    answers.set('a', new Error('EAI_AGAIN'));
    await clock.advance(120_000);
    expect(asked).toHaveLength(5);
    expect(lists).toHaveLength(1);
  });

  it('one lookup at a time', async () => {
    const { answers, asked, clock } = await several();
    answers.set('a', new Promise<never>(() => {}));
    await clock.advance(300_000);
    expect(asked).toHaveLength(2);
  });

  it('an address that is ok stays, another one leaves after three lookups without it', async () => {
    const { answers, clock, health, lists } = await several();
    answers.set('a', ['192.0.2.3']);
    health.set('a[192.0.2.1]:5432', 'ok');
    await clock.advance(60_000);
    const all = ['a[192.0.2.1]:5432', 'a[192.0.2.2]:5432', 'a[192.0.2.3]:5432'];
    expect(lists.at(-1)).toEqual(all);
    await clock.advance(30_000);
    expect(lists.at(-1)).toEqual([all[0], all[2]]);
  });

  it('not once it is stopped: no timer is left, and a late answer changes nothing', async () => {
    const { answers, clock, lists, names } = await several();
    answers.set('a', ['192.0.2.3']);
    const late = names.lookUp('a:5432', never);
    names.stop();
    await late;
    names.wanted();
    expect(clock.pending).toBe(0);
    expect(lists).toHaveLength(1);
    expect(names.lookUp('a:5432', never)).toBeUndefined();
  });

  it('and that more addresses are there than are used is said once', async () => {
    const { answers, clock, warned } = await several();
    answers.set(
      'a',
      Array.from({ length: 20 }, (_, index) => `192.0.2.${index + 1}`),
    );
    await clock.advance(120_000);
    expect(warned).toEqual([
      'a:5432 has 20 addresses, of which 16 are used. Name the servers one by one, or use a discovery.',
    ]);
  });

  it('are not looked up during a rest, and all of them when it ends', async () => {
    const { answers, asked, clock, lists, names } = bench([tcp('a'), tcp('b')]);
    answers.set('a', ['192.0.2.1', '192.0.2.2']);
    answers.set('b', ['192.0.2.9']);
    await Promise.all([names.lookUp('a:5432', never), names.lookUp('b:5432', never)]);
    expect(clock.pending).toBe(1);
    names.pause();
    expect(clock.pending).toBe(0);
    names.wanted();
    await clock.advance(3_600_000);
    expect(asked).toEqual(['a', 'b']);
    answers.set('a', ['192.0.2.3', '192.0.2.2']);
    // That of one address is looked up by whatever dials it.
    await names.resume();
    expect(asked).toEqual(['a', 'b', 'a']);
    expect(lists.at(-1)).toContain('a[192.0.2.3]:5432');
    expect(clock.pending).toBe(1);
    answers.set('a', new Error('the resolver is down'));
    names.pause();
    await names.resume();
    names.stop();
    expect(names.resume()).toBeUndefined();
  });
});
