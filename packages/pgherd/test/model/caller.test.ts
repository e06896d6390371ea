import { describe, expect, it } from 'vitest';
import { atCaller, rejectedAtCaller } from '../../src/model/caller.ts';
import { PgHerdError } from '../../src/model/errors.ts';

/** An error that was made where nothing is known of the caller, as those of sockets and timers are. */
function fromOutside(): Promise<PgHerdError> {
  return new Promise((resolve) => {
    setTimeout(() => resolve(new PgHerdError('PGHERD_TIMEOUT', 'It took too long.')), 1);
  });
}

/** A call whose promise no async function makes. */
function call(query?: string): Promise<number> {
  return new Promise((resolve) => {
    void fromOutside().then((error) => resolve(rejectedAtCaller(error, query)));
  });
}

async function programsFunction(run: () => Promise<unknown>): Promise<unknown> {
  await run();
  return 'nothing was thrown';
}

async function stackOf(run: () => Promise<unknown>): Promise<string> {
  const error = await programsFunction(run).catch((reason: unknown) => reason);
  return (error as Error).stack ?? '';
}

describe('the stack of an error', () => {
  it('names the functions that wait for a promise made by hand', async () => {
    const stack = await stackOf(() => call());
    expect(stack).toMatch(
      /^PgHerdError: It took too long\.\n {4}at (async )?programsFunction .*caller\.test\.ts/,
    );
    expect(stack).not.toContain('node:internal');
  });

  it('names them through Promise.all, and through functions that return the promise', async () => {
    expect(await stackOf(() => Promise.all([call(), 1]))).toMatch(/at (async )?programsFunction/);
    expect(await stackOf(async () => call())).toMatch(/at (async )?programsFunction/);
  });

  it('stays as it is where no async function waits', async () => {
    const stack = await new Promise<string>((done) => {
      call().catch((error: Error) => done(error.stack ?? ''));
    });
    expect(stack).toMatch(/^PgHerdError: It took too long\.\n {4}at /);
  });

  it('of a caller that has thrown its own error is left alone', () => {
    const own = new Error('own');
    const { stack } = own;
    expect(atCaller(own, 'select 1')).toBe(own);
    expect(own.stack).toBe(stack);
    expect('query' in own).toBe(false);
  });
});

describe('the text of the statement', () => {
  it('is there, and not among what is printed or serialised', async () => {
    const error = (await call('select 1').catch((reason: unknown) => reason)) as PgHerdError;
    expect(error).toHaveProperty('query', 'select 1');
    expect(Object.keys(error)).not.toContain('query');
    expect(JSON.stringify(error)).not.toContain('select 1');
  });

  it('is each one its own, if one error ends several calls', async () => {
    const shared = await fromOutside();
    const first = atCaller(shared, 'select 1') as PgHerdError;
    const second = atCaller(shared, 'select 2') as PgHerdError;
    expect([first, second].map((error) => Reflect.get(error, 'query'))).toEqual(['select 1', 'select 2']);
    expect(second).toBeInstanceOf(PgHerdError);
    expect(second).toMatchObject({ code: 'PGHERD_TIMEOUT', message: 'It took too long.', details: {} });
    expect(second.name).toBe('PgHerdError');
  });
});
