import { inspect } from 'node:util';
import { beforeEach, describe, expect, it } from 'vitest';
import { Credentials, type PasswordFunction, type PasswordOrigin } from '../../src/login/credentials.ts';
import { PgHerdError } from '../../src/model/errors.ts';
import { Secret } from '../../src/model/secret.ts';
import { isPasswordRefused } from '../../src/retry/classify.ts';
import { serverError } from '../support/scripted-connection.ts';
import { type VirtualClock, virtualClock } from '../support/virtual-clock.ts';

const REQUEST = { node: 'db1:5432', host: 'db1', port: 5432, user: 'app', database: 'shop' };
const never = new AbortController().signal;

let clock: VirtualClock;
let asked: unknown[];

beforeEach(() => {
  clock = virtualClock();
  asked = [];
});

function credentials(origin: PasswordOrigin): Credentials {
  return new Credentials({ origin, clock, about: () => ({ ...REQUEST }) });
}

/** Credentials whose function gives these answers, one after another. */
function answering(...answers: readonly unknown[]): Credentials {
  const ask = (request: unknown) => {
    const answer = answers[asked.length];
    asked.push(request);
    if (answer instanceof Error) throw answer;
    return answer;
  };
  return credentials({ kind: 'asked', ask: ask as PasswordFunction });
}

const told = async (from: Credentials) => (await from.current(new AbortController().signal))?.reveal();

async function failure(work: Promise<unknown>): Promise<PgHerdError> {
  const error = await work.catch((thrown: unknown) => thrown);
  if (error instanceof PgHerdError) return error;
  throw new Error(`expected an error of ours, not ${String(error)}`);
}

describe('a function that gives the password', () => {
  it('is told for whom, and asked once', async () => {
    const from = answering('one', 'two');
    expect([await told(from), await told(from)]).toEqual(['one', 'one']);
    expect(asked).toEqual([REQUEST]);
  });

  it('is asked once for many connections that are opened at once', async () => {
    const from = answering(Promise.resolve('one'), 'two');
    const many = await Promise.all(Array.from({ length: 50 }, () => told(from)));
    expect(new Set(many)).toEqual(new Set(['one']));
    expect(asked).toHaveLength(1);
  });

  it('is asked again once what it gave has expired', async () => {
    const until = (ms: number) => clock.wallTime() + ms;
    const from = answering(
      { password: 'one', expiresAtMs: until(60_000) },
      { password: 'two', expiresAtMs: until(120_000) },
    );
    expect(await told(from)).toBe('one');
    await clock.advance(59_999);
    expect(await told(from)).toBe('one');
    await clock.advance(1);
    expect(await told(from)).toBe('two');
    expect(asked).toHaveLength(2);
  });

  it('is asked for another one where a server refuses it, once for all that were refused', async () => {
    const from = answering('one', Promise.resolve('two'), 'three');
    const old = await from.current(never);
    const others = await Promise.all([1, 2, 3].map(() => from.instead(old, never)));
    expect(others.map((other) => other?.reveal())).toEqual(['two', 'two', 'two']);
    // Somebody who was refused the old one later takes what is known by now.
    expect((await from.instead(old, never))?.reveal()).toBe('two');
    expect(asked).toHaveLength(2);
  });

  it('that gives the same again has no other', async () => {
    const from = answering('one', 'one');
    expect(await from.instead(await from.current(never), never)).toBeUndefined();
    expect(asked).toHaveLength(2);
  });

  it('that throws is told of by node and user, not by what it said', async () => {
    const from = answering(new Error('token hunter2 was refused'), 'one');
    const error = await failure(from.current(never));
    expect(error).toMatchObject({
      code: 'PGHERD_CREDENTIALS_FAILED',
      details: { node: 'db1:5432', user: 'app' },
    });
    expect(error.message).toContain('db1:5432');
    expect(error.message).not.toContain('hunter2');
    expect(error.cause).toBeInstanceOf(Error);
    expect(await told(from)).toBe('one');
  });

  it.each([
    [''],
    [undefined],
    [42],
    [{ password: '' }],
    [{ token: 'hunter2' }],
    [{ password: 'hunter2', expiresAtMs: 'tomorrow' }],
  ])('must not give %j', async (answer) => {
    const error = await failure(answering(answer).current(never));
    expect(error.code).toBe('PGHERD_CREDENTIALS_FAILED');
    expect(inspect(error)).not.toContain('hunter2');
  });

  it('that never answers is waited for no longer than a connection may take, and then asked anew', async () => {
    const from = answering(new Promise(() => undefined), 'two');
    const abort = new AbortController();
    const waiting = from.current(abort.signal);
    abort.abort(new Error('took too long'));
    await expect(waiting).rejects.toThrow('took too long');
    expect(await told(from)).toBe('two');
  });

  it('is never shown, nor what it gave', async () => {
    const from = answering('hunter2');
    await from.current(never);
    expect(inspect(from, { depth: 20, showHidden: true })).not.toContain('hunter2');
  });
});

describe('a password that is known', () => {
  it('is what it is, refused or not', async () => {
    const from = credentials({ kind: 'known', password: new Secret('one') });
    const password = await from.current(never);
    expect(password?.reveal()).toBe('one');
    expect(await from.instead(password, never)).toBeUndefined();
  });
});

describe('a refused password', () => {
  it('is not another one, however often it is asked for, until the server has accepted one', async () => {
    const from = answering('one', 'two', 'one', 'two', 'two', 'three');
    const first = await from.current(never);
    const second = await from.instead(first, never);
    expect(second?.reveal()).toBe('two');
    from.noteRefused(second);
    expect([await from.hasAnother(never), await from.hasAnother(never)]).toEqual([false, false]);
    from.noteAccepted();
    expect(await from.hasAnother(never)).toBe(true);
    from.noteRefused(second);
    expect(await from.hasAnother(never)).toBe(true);
    expect(asked).toHaveLength(6);
  });

  it('is known for the last eight', async () => {
    const values = Array.from({ length: 9 }, (_, n) => `value ${n}`);
    const from = answering('value 0', 'value 8');
    for (const value of values) from.noteRefused(new Secret(value));
    expect([await from.hasAnother(never), await from.hasAnother(never)]).toEqual([true, false]);
  });

  it('that is known has no other; one of a file is looked up again', async () => {
    const known = credentials({ kind: 'known', password: new Secret('one') });
    expect(await known.hasAnother(never)).toBe(false);
    let inFile = 'one';
    const looked = credentials({ kind: 'looked-up', lookUp: async () => new Secret(inFile) });
    looked.noteRefused(await looked.current(never));
    expect(await looked.hasAnother(never)).toBe(false);
    inFile = 'two';
    expect(await looked.hasAnother(never)).toBe(true);
  });

  it.each([
    [serverError('password authentication failed for user "app"', '28P01', 'FATAL'), true],
    [serverError('PAM authentication failed for user "app"', '28000', 'FATAL'), true],
    [serverError('password authentication failed', '08P01', 'FATAL'), true],
    [serverError('no pg_hba.conf entry for host', '28000', 'FATAL'), false],
    [serverError('database "shop" does not exist', '3D000', 'FATAL'), false],
    [new Error('connect ECONNREFUSED'), false],
  ])('is told from other errors: %s', (error, expected) => {
    expect(isPasswordRefused(error)).toBe(expected);
  });
});
