import { describe, expect, it } from 'vitest';
import { Serial } from '../../src/time/serial.ts';

interface Step {
  readonly work: () => Promise<string>;
  end(): void;
  fail(error: unknown): void;
}

/** Pieces of work that note when they begin, and end on request. */
function steps(): { readonly begun: string[]; step(name: string): Step } {
  const begun: string[] = [];
  return {
    begun,
    step(name) {
      let end: (result: string) => void = () => undefined;
      let fail: (error: unknown) => void = () => undefined;
      const promise = new Promise<string>((resolve, reject) => {
        end = resolve;
        fail = reject;
      });
      const work = () => {
        begun.push(name);
        return promise;
      };
      return { work, end: () => end(name), fail };
    },
  };
}

function settled(): Promise<void> {
  return new Promise((resolve) => setImmediate(resolve));
}

describe('work in a series', () => {
  it('begins at once if none is running', async () => {
    const { begun, step } = steps();
    const serial = new Serial();
    const [a, b] = [step('a'), step('b')];
    const first = serial.run(a.work);
    expect(begun).toEqual(['a']);
    a.end();
    expect(await first).toBe('a');
    void serial.run(b.work);
    expect(begun).toEqual(['a', 'b']);
  });

  it('runs one at a time, in the order of the calls', async () => {
    const { begun, step } = steps();
    const serial = new Serial();
    const all = ['a', 'b', 'c'].map(step);
    const results = all.map(({ work }) => serial.run(work));
    await settled();
    expect(begun).toEqual(['a']);
    for (const { end } of all.toReversed()) end();
    expect(await Promise.all(results)).toEqual(['a', 'b', 'c']);
    expect(begun).toEqual(['a', 'b', 'c']);
  });

  it('goes on behind a piece that failed, and behind one that threw before it returned a promise', async () => {
    const { begun, step } = steps();
    const serial = new Serial();
    const [a, b] = [step('a'), step('b')];
    const failed = serial.run(a.work);
    const thrown = serial.run(() => {
      throw new Error('at once');
    });
    const last = serial.run(b.work);
    a.fail(new Error('later'));
    b.end();
    await expect(failed).rejects.toThrow('later');
    await expect(thrown).rejects.toThrow('at once');
    expect(await last).toBe('b');
    expect(begun).toEqual(['a', 'b']);
  });

  it('rejects rather than throws if the first piece throws at once', async () => {
    const serial = new Serial();
    const thrown = serial.run(() => {
      throw new Error('at once');
    });
    await expect(thrown).rejects.toThrow('at once');
    expect(await serial.run(async () => 1)).toBe(1);
  });

  it('queues work that is asked for by work that is just beginning', async () => {
    const { begun, step } = steps();
    const serial = new Serial();
    const [outer, inner] = [step('outer'), step('inner')];
    const results: Promise<string>[] = [];
    results.push(
      serial.run(() => {
        results.push(serial.run(inner.work));
        return outer.work();
      }),
    );
    await settled();
    expect(begun).toEqual(['outer']);
    outer.end();
    inner.end();
    await settled();
    expect(begun).toEqual(['outer', 'inner']);
  });

  it('takes any number of pieces that throw without growing the stack', async () => {
    const { step } = steps();
    const serial = new Serial();
    const first = step('first');
    void serial.run(first.work);
    const thrown = Array.from({ length: 20_000 }, () =>
      serial.run<string>(() => {
        throw new Error('at once');
      }),
    );
    const last = serial.run(async () => 'last');
    first.end();
    const outcomes = await Promise.allSettled(thrown);
    expect(outcomes.every(({ status }) => status === 'rejected')).toBe(true);
    expect(await last).toBe('last');
  });
});
