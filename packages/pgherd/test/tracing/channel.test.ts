import { AsyncLocalStorage } from 'node:async_hooks';
import { tracingChannel } from 'node:diagnostics_channel';
import { afterEach, describe, expect, it } from 'vitest';
import { TracedOperation } from '../../src/channels/channel.ts';

interface Message {
  error?: unknown;
  value?: unknown;
}

const operation = new TracedOperation<Message>('pgherd:test');
const channel = tracingChannel('pgherd:test');
const seen: string[] = [];
const note = (event: string) => (message: unknown) => {
  const { value, error } = message as Message;
  seen.push(`${event} ${String(value)} ${String(error)}`);
};
const EVENTS = ['start', 'end', 'asyncStart', 'asyncEnd', 'error'] as const;
const offs: (() => void)[] = [];

function subscribe(...events: readonly (typeof EVENTS)[number][]): void {
  for (const event of events) {
    const subscriber = note(event);
    channel[event].subscribe(subscriber);
    offs.push(() => channel[event].unsubscribe(subscriber));
  }
}

afterEach(() => {
  for (const off of offs.splice(0)) off();
  seen.length = 0;
  expect(operation.isWatched).toBe(false);
});

/** Traces work whose result is in the message before its end is published. */
function traced(work: () => Promise<unknown>): Promise<unknown> {
  const message: Message = {};
  return operation.trace(message, work, (value, error) => {
    message.value = error === undefined ? value : 'none';
  });
}

describe('a traced operation', () => {
  it.each<[string, (typeof EVENTS)[number][], string[]]>([
    [
      'all',
      [...EVENTS],
      [
        'start undefined undefined',
        'end undefined undefined',
        'asyncStart 7 undefined',
        'asyncEnd 7 undefined',
      ],
    ],
    ['its end', ['asyncEnd'], ['asyncEnd 7 undefined']],
    ['its errors', ['error'], []],
    ['its beginning', ['start'], ['start undefined undefined']],
  ])('publishes what is subscribed to: %s', async (_what, events, expected) => {
    subscribe(...events);
    expect(operation.isWatched).toBe(true);
    expect(await traced(async () => 7)).toBe(7);
    expect(seen).toEqual(expected);
  });

  it.each<[string, () => Promise<unknown>]>([
    ['rejects', () => Promise.reject(new Error('x'))],
    [
      'throws at once',
      () => {
        throw new Error('x');
      },
    ],
  ])('publishes the error of work that %s', async (_what, work) => {
    subscribe('error', 'asyncEnd', 'end');
    await expect(traced(work)).rejects.toThrow('x');
    expect(seen).toEqual(['end undefined undefined', 'error none Error: x', 'asyncEnd none Error: x']);
    for (const off of offs.splice(0)) off();
    subscribe('asyncEnd');
    await expect(traced(work)).rejects.toThrow('x');
  });

  it('publishes its end before its caller goes on', async () => {
    subscribe('asyncEnd');
    const order: string[] = [];
    await traced(async () => 7).then(() => order.push(...seen, 'caller'));
    expect(order).toEqual(['asyncEnd 7 undefined', 'caller']);
  });

  it('publishes its end in the context of its caller', async () => {
    const storage = new AsyncLocalStorage<string>();
    const contexts: unknown[] = [];
    const subscriber = () => contexts.push(storage.getStore());
    channel.asyncEnd.subscribe(subscriber);
    offs.push(() => channel.asyncEnd.unsubscribe(subscriber));
    let settle: (value: number) => void = () => undefined;
    const work = new Promise<number>((resolve) => {
      settle = resolve;
    });
    const call = storage.run('caller', () => traced(() => work));
    storage.run('answer', () => settle(1));
    await call;
    expect(contexts).toEqual(['caller']);
  });

  it('leaves an error that nothing handles unhandled', async () => {
    subscribe('asyncEnd');
    const unhandled = new Promise((resolve) => {
      const listeners = process.listeners('unhandledRejection');
      process.removeAllListeners('unhandledRejection');
      process.once('unhandledRejection', (error) => {
        for (const listener of listeners) process.on('unhandledRejection', listener);
        resolve(error);
      });
    });
    void traced(() => Promise.reject(new Error('for no one')));
    expect(String(await unhandled)).toBe('Error: for no one');
  });
});
