import { describe, expect, it } from 'vitest';
import type { CallChange, CallEnd, InterceptedCall, Interceptor } from '../../src/call/interceptor.ts';
import { type Innermost, intercepted } from '../../src/tracing/interceptors.ts';

const END: CallEnd = {
  node: 'db1:5432',
  attempts: 1,
  rowCount: 3,
  durationMs: 5,
  waitedMs: 1,
  retriedMs: 0,
  ranMs: 4,
};
const CALL: InterceptedCall = {
  verb: 'query',
  scope: 'cluster',
  text: 'select 1',
  values: [7],
  options: {},
};

/** Runs a call inside interceptors, and records what reaches its end. */
function callInside(interceptors: readonly Interceptor[], run: () => Promise<string> = async () => 'rows') {
  const ran: CallChange[] = [];
  const reports: string[] = [];
  let refuseNow: (error: unknown) => void = () => undefined;
  let isWithdrawn = false;
  const innermost: Innermost<string> = {
    run: (change) => {
      ran.push(change);
      return run();
    },
    end: () => END,
    report: (message) => reports.push(message),
    atLimit: (refuse) => {
      refuseNow = refuse;
      return () => {
        isWithdrawn = true;
      };
    },
  };
  const result = intercepted(interceptors, CALL, innermost);
  return {
    result,
    ran,
    reports,
    refuse: (error: unknown) => refuseNow(error),
    isWithdrawn: () => isWithdrawn,
  };
}

describe('interceptors', () => {
  it('surround the call, the first outermost, and learn how it ended', async () => {
    const order: string[] = [];
    const named =
      (name: string): Interceptor =>
      async (call, next) => {
        order.push(`${name} ${call.verb}`);
        const end = await next();
        order.push(`${name} ${end.node} ${end.rowCount}`);
      };
    const { result, isWithdrawn } = callInside([named('outer'), named('inner')]);
    expect(await result).toBe('rows');
    await expect.poll(() => order).toHaveLength(4);
    expect(order).toEqual(['outer query', 'inner query', 'inner db1:5432 3', 'outer db1:5432 3']);
    expect(isWithdrawn()).toBe(true);
  });

  it('change text, values and tags; those further in see what those further out changed', async () => {
    const seen: (string | undefined)[] = [];
    const outer: Interceptor = (_call, next) => next({ text: 'select 2', comment: { a: '1', b: '1' } });
    const inner: Interceptor = (call, next) => {
      seen.push(call.text);
      return next({ values: [8], comment: { b: '2' } });
    };
    const { result, ran } = callInside([outer, inner]);
    await result;
    expect(seen).toEqual(['select 2']);
    expect(ran).toEqual([{ text: 'select 2', values: [8], comment: { a: '1', b: '2' } }]);
  });

  it('refuse a call by throwing: nothing is run', async () => {
    const { result, ran } = callInside([
      () => {
        throw new Error('not on Sundays');
      },
    ]);
    await expect(result).rejects.toThrow('not on Sundays');
    expect(ran).toEqual([]);
  });

  it('cannot change a result, nor make a call fail that has succeeded', async () => {
    const { result, reports } = callInside([
      async (_call, next) => {
        await next();
        throw new Error('the exporter is down');
      },
    ]);
    expect(await result).toBe('rows');
    await expect
      .poll(() => reports)
      .toEqual(['an interceptor failed after its call had succeeded: the exporter is down']);
  });

  it('cannot hide the error of a call, and what it throws instead is not reported', async () => {
    const { result, reports } = callInside(
      [(_call, next) => next().catch(() => undefined), async (_call, next) => void (await next())],
      async () => {
        throw new Error('duplicate key');
      },
    );
    await expect(result).rejects.toThrow('duplicate key');
    expect(reports).toEqual([]);
  });

  it('do not hold up the result of the call once it has ended', async () => {
    const { result } = callInside([
      async (_call, next) => {
        await next();
        await new Promise(() => undefined);
      },
    ]);
    expect(await result).toBe('rows');
  });

  it.each<[string, Interceptor, RegExp]>([
    ['returns without calling next', () => undefined, /Interceptor 0 returned without calling next/],
    [
      'passes something that is no change',
      (_call, next) => next({ txt: 'select 2' } as CallChange),
      /txt is not an option of next, inside query; did you mean text\?/,
    ],
  ])('is an error if one %s', async (_what, interceptor, message) => {
    const { result, ran } = callInside([interceptor]);
    await expect(result).rejects.toThrow(message);
    expect(ran).toEqual([]);
  });

  it('run the call once, even if next is called twice', async () => {
    let second: unknown;
    const { result, ran } = callInside([
      async (_call, next) => {
        await next();
        second = await next().catch((error: unknown) => error);
      },
    ]);
    expect(await result).toBe('rows');
    await expect.poll(() => String(second)).toMatch(/Interceptor 0 called next twice/);
    expect(ran).toHaveLength(1);
  });

  it('are given up at the limit of the call, and cannot run it afterwards', async () => {
    let goOn: () => void = () => undefined;
    let late: unknown;
    const { result, ran, refuse } = callInside([
      async (_call, next) => {
        await new Promise<void>((resolve) => {
          goOn = resolve;
        });
        late = await next().catch((error: unknown) => error);
      },
    ]);
    refuse(new Error('too late'));
    await expect(result).rejects.toThrow('too late');
    goOn();
    await expect.poll(() => String(late)).toMatch(/after an interceptor had refused/);
    expect(ran).toEqual([]);
  });
});
