import { describe, expect, it, vi } from 'vitest';
import {
  AmbiguousPrimaryError,
  ERROR_CODES,
  ForeignClusterError,
  InvalidDsnError,
  InvalidOptionsError,
  NoSuitableNodeError,
  OutcomeUnknownError,
  PgHerdError,
} from '../../src/model/errors.ts';

describe('errors', () => {
  it.each<[PgHerdError, string]>([
    [new InvalidDsnError('x'), 'PGHERD_INVALID_DSN'],
    [new InvalidOptionsError(['x']), 'PGHERD_INVALID_OPTIONS'],
    [new NoSuitableNodeError('x'), 'PGHERD_NO_SUITABLE_NODE'],
    [new AmbiguousPrimaryError('x'), 'PGHERD_AMBIGUOUS_PRIMARY'],
    [new ForeignClusterError('x'), 'PGHERD_FOREIGN_CLUSTER'],
    [new OutcomeUnknownError('commit', 'x'), 'PGHERD_OUTCOME_UNKNOWN'],
  ])('%s carries its code and its name', (error, code) => {
    expect(error.code).toBe(code);
    expect(ERROR_CODES).toContain(error.code);
    expect(error).toBeInstanceOf(PgHerdError);
    expect(error.name).toBe(error.constructor.name);
    expect(Object.isFrozen(error.details)).toBe(true);
  });

  it('keep their cause, and have none where none was given', () => {
    const cause = new Error('why');
    expect(new PgHerdError('PGHERD_TIMEOUT', 'x', { cause }).cause).toBe(cause);
    expect('cause' in new PgHerdError('PGHERD_TIMEOUT', 'x')).toBe(false);
  });

  it('list every violation', () => {
    expect(new InvalidOptionsError(['a is 1']).message).toBe('Invalid options: a is 1');
    const error = new InvalidOptionsError(['a is 1', 'b is 2']);
    expect(error.message).toBe('Invalid options, 2 violations:\n  - a is 1\n  - b is 2');
    expect(error.violations).toEqual(['a is 1', 'b is 2']);
    expect(Object.isFrozen(error.violations)).toBe(true);
  });

  it('have codes that are all different', () => {
    expect(new Set(ERROR_CODES).size).toBe(ERROR_CODES.length);
  });
});

describe('classes of errors', () => {
  it('recognise what another copy of the package made, and only that', async () => {
    vi.resetModules();
    const copy = await import('../../src/model/errors.ts');
    expect(copy.OutcomeUnknownError).not.toBe(OutcomeUnknownError);
    const strange = new copy.OutcomeUnknownError('commit', 'It is unknown.');
    expect(strange).toBeInstanceOf(OutcomeUnknownError);
    expect(strange).toBeInstanceOf(PgHerdError);
    expect(strange).not.toBeInstanceOf(InvalidDsnError);
    expect(new copy.PgHerdError('PGHERD_CLOSED', 'It is closed.')).not.toBeInstanceOf(OutcomeUnknownError);
    expect(new Error('It is another.')).not.toBeInstanceOf(PgHerdError);
  });

  it('leave the classes that a program derives from them alone', () => {
    class Own extends PgHerdError {}
    expect(new Own('PGHERD_CLOSED', 'It is closed.')).toBeInstanceOf(Own);
    expect(new PgHerdError('PGHERD_CLOSED', 'It is closed.')).not.toBeInstanceOf(Own);
  });

  it('have names that a bundler cannot shorten', () => {
    expect(new InvalidDsnError('It is invalid.').name).toBe('InvalidDsnError');
    expect(String(new InvalidDsnError('It is invalid.'))).toBe('InvalidDsnError: It is invalid.');
    expect(new PgHerdError('PGHERD_ABORTED', 'It was aborted.').name).toBe('AbortError');
  });
});
