import { afterEach, describe, expect, it, vi } from 'vitest';
import { warnProcess } from '../../src/observe/process-warning.ts';

describe('a warning of the process', () => {
  afterEach(() => {
    vi.restoreAllMocks();
    Reflect.deleteProperty(globalThis, Symbol.for('pgherd.process-warnings.1'));
  });

  function warnings(): string[] {
    const given: string[] = [];
    vi.spyOn(process, 'emitWarning').mockImplementation((warning) => {
      given.push(String(warning));
    });
    return given;
  }

  it('is given once for each thing that it is about', () => {
    Reflect.deleteProperty(globalThis, Symbol.for('pgherd.process-warnings.1'));
    const given = warnings();
    warnProcess('one', 'first');
    warnProcess('one', 'first, again');
    warnProcess('other', 'second');
    expect(given).toEqual(['first', 'second']);
  });

  it('is not given for ever new things without end', () => {
    Reflect.deleteProperty(globalThis, Symbol.for('pgherd.process-warnings.1'));
    const given = warnings();
    for (let number = 0; number < 1_000; number++) warnProcess(`thing ${number}`, 'text');
    expect(given).toHaveLength(100);
  });
});
