import { describe, expect, it } from 'vitest';
import type { CallOptions } from '../../src/call/call.ts';
import { beginCall, prepareCall } from '../../src/call/call.ts';
import { Session } from '../../src/node/session.ts';
import { type ConnectionUse, startOnSession, type WorkKind } from '../../src/query/long-work.ts';
import { ScriptedConnection } from '../support/scripted-connection.ts';
import { virtualClock } from '../support/virtual-clock.ts';

/** Work that occupies its connection, started with these limits at time 0. `stop` ends it. */
async function started(options: CallOptions, stop: () => Promise<void> = async () => undefined) {
  const clock = virtualClock();
  const session = new Session('n:1', 1, new ScriptedConnection(), 'read-write');
  const done: string[] = [];
  const random = { next: () => 0 };
  const use: ConnectionUse = {
    session,
    call: beginCall(prepareCall(options, { target: 'read-write', timeoutMs: undefined }), 0, random),
    clock,
    perform: (start) => start(),
    errorFor: (error) => error,
    assertHeld: () => undefined,
    isReplaceable: false,
    release: () => {
      done.push('released');
    },
    abandon: (reason) => {
      done.push(`abandoned: ${reason}`);
    },
  };
  const kind: WorkKind<string> = {
    verb: 'copyFrom',
    statement: { text: 'copy t from stdin' },
    occupies: () => true,
    begin: async () => 'value',
    stop: () => {
      done.push('stopped');
      return stop();
    },
  };
  const work = await startOnSession(use, kind);
  return { clock, session, done, work };
}

/** What a wait for something other than the server ends with. */
const ended = (wait: Promise<unknown>) => wait.catch((error: { code: string }) => error.code);
const NEVER = new Promise<never>(() => undefined);

describe('the limits of work that keeps its connection', () => {
  it('end it at its deadline although no answer is awaited, and set the connection free', async () => {
    const { clock, session, done, work } = await started({ timeoutMs: 100 });
    const wait = ended(work.guard(NEVER));
    await clock.advance(99);
    expect([done, session.occupied]).toEqual([[], true]);
    await clock.advance(1);
    expect(await wait).toBe('PGHERD_TIMEOUT');
    expect([done, session.occupied, clock.pending]).toEqual([['stopped', 'released'], false, 0]);
    await expect(work.ask(async () => 1)).rejects.toMatchObject({ code: 'PGHERD_TIMEOUT' });
  });

  it('end it when its signal aborts', async () => {
    const control = new AbortController();
    const { clock, done, work } = await started({ signal: control.signal, timeoutMs: 1_000 });
    const wait = ended(work.guard(NEVER));
    control.abort();
    expect(await wait).toBe('PGHERD_ABORTED');
    await clock.settle();
    expect([done, clock.pending]).toEqual([['stopped', 'released'], 0]);
  });

  it('leave the end to the answer while one is awaited', async () => {
    const { clock, done, work } = await started({ timeoutMs: 100 });
    let answer: (value: number) => void = () => undefined;
    const asked = work.ask(
      () =>
        new Promise<number>((resolve) => {
          answer = resolve;
        }),
    );
    await clock.advance(200);
    expect(done).toEqual([]);
    answer(7);
    expect(await asked).toBe(7);
  });

  it('leave no timer behind once it is finished', async () => {
    const { clock, done, work } = await started({ timeoutMs: 100 });
    expect(clock.pending).toBe(1);
    work.finish();
    expect([done, clock.pending]).toEqual([['released'], 0]);
    await clock.advance(1_000);
    expect(done).toEqual(['released']);
  });

  it('do not wait for longer than a second for its end: then the connection is destroyed', async () => {
    const { clock, session, done, work } = await started({}, () => NEVER);
    const stopped = work.stop();
    await clock.advance(999);
    expect(done).toEqual(['stopped']);
    await clock.advance(1);
    await stopped;
    expect(done).toEqual(['stopped', 'abandoned: was left in the middle of something', 'released']);
    // It stays occupied, so that it is never used again.
    expect([session.occupied, clock.pending]).toEqual([true, 0]);
  });
});
