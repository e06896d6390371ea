import { beforeEach, describe, expect, it } from 'vitest';
import { Channels, type Subscriber } from '../../src/listen/channels.ts';
import type { ListenGap } from '../../src/listen/listen.ts';
import { silentLogger } from '../../src/observe/logger.ts';
import { virtualClock } from '../support/virtual-clock.ts';

let channels: Channels;
let events: string[];
let logged: string[];

beforeEach(() => {
  [events, logged] = [[], []];
  channels = new Channels({
    clock: virtualClock(),
    logger: { ...silentLogger, error: (message: string) => logged.push(message) },
    gap: ({ channel, reason }) => events.push(`event ${channel}: ${reason}`),
  });
});

function subscribe(channel: string, name: string, fn?: (payload: string) => unknown): Subscriber {
  const subscriber: Subscriber = {
    channel,
    fn: fn ?? ((payload) => events.push(`${name} ${payload}`)),
    onGap: ({ from }: ListenGap) => events.push(`${name} gap from ${from.getTime()}`),
    established: false,
    waiter: undefined,
  };
  channels.add(subscriber);
  return subscriber;
}

const send = (channel: string, payload: string) =>
  channels.deliver({ channel, payload, processId: 1, node: 'a:5432' });
const hear = (...heard: string[]) => channels.noteHeard((channel) => heard.includes(channel), 'a:5432');

describe('channels', () => {
  it('deliver to every subscription of the channel, and to no other', () => {
    subscribe('a', 'one');
    subscribe('a', 'two');
    subscribe('b', 'three');
    send('a', '1');
    send('c', '2');
    expect(events).toEqual(['one 1', 'two 1']);
  });

  it('report a gap before what arrived early, to those that may have missed something', () => {
    subscribe('a', 'one');
    hear('a');
    channels.noteLoss(7, 'cut');
    channels.noteLoss(9, 'cut again');
    subscribe('a', 'new');
    send('a', '1');
    hear();
    expect(events).toEqual([]);
    hear('a');
    expect(events).toEqual(['event a: cut', 'one gap from 7', 'one 1', 'new 1']);
    hear('a');
    expect(events).toHaveLength(4);
  });

  it('log what a listener throws or rejects with, and go on', async () => {
    subscribe('a', 'one', () => {
      throw new Error('thrown');
    });
    subscribe('a', 'two', () => Promise.reject(new Error('rejected')));
    subscribe('a', 'three');
    send('a', '1');
    await Promise.resolve();
    expect(events).toEqual(['three 1']);
    expect(logged).toEqual([
      'pgherd: the listener of "a" threw: thrown',
      'pgherd: the listener of "a" threw: rejected',
    ]);
  });

  it('do not call a subscription that another listener has just ended', () => {
    subscribe('a', 'one', () => channels.delete(two));
    const two = subscribe('a', 'two');
    send('a', '1');
    expect(events).toEqual([]);
    expect(channels.has(two)).toBe(false);
  });

  it('know which of them are wanted, and end all at once', async () => {
    const rejected: unknown[] = [];
    const one = subscribe('a', 'one');
    one.waiter = { resolve: () => undefined, reject: (error) => rejected.push(error) };
    subscribe('b', 'two');
    expect([...channels.names()]).toEqual(['a', 'b']);
    channels.clear('closed');
    expect([channels.isEmpty, rejected, channels.delete(one)]).toEqual([true, ['closed'], false]);
  });
});
