import { describe, expect, it } from 'vitest';
import { PgHerdError } from '../../src/model/errors.ts';
import { classifyError } from '../../src/retry/classify.ts';
import { isNodeFailure } from '../../src/retry/node-failure.ts';

const server = (code: string, severity = 'ERROR') =>
  Object.assign(new Error('said the server'), { code, severity });

describe('whose failure it is', () => {
  it.each<[string, unknown, boolean]>([
    ['a lost connection', new PgHerdError('PGHERD_CONNECTION_LOST', 'lost'), true],
    ['a refused connection', Object.assign(new Error('no'), { code: 'ECONNREFUSED' }), true],
    ['no answer in time', new PgHerdError('PGHERD_TIMEOUT', 'late'), true],
    ['a server that stops', server('57P01', 'FATAL'), true],
    ['a full server', server('53300', 'FATAL'), true],
    ['a full disk', server('53100'), true],
    ['an error of the file system', server('58030'), true],
    ['a damaged page', server('XX001'), true],
    ['a violated constraint', server('23505'), false],
    ['a missing table', server('42P01'), false],
    ['a deadlock', server('40P01'), false],
    ['a cancelled statement', server('57014'), false],
    ['a call that was aborted', new PgHerdError('PGHERD_ABORTED', 'enough'), false],
    ['an error of the program', new TypeError('undefined'), false],
  ])('%s', (_name, error, ofNode) => {
    expect(isNodeFailure(error, classifyError(error))).toBe(ofNode);
  });
});
