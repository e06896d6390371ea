import { describe, expect, it } from 'vitest';
import type { Statement } from '../../src/model/statement.ts';
import { querierOver } from '../../src/query/querier.ts';
import { types } from '../../src/wire/types.ts';

/** What reaches the executor. */
function recording() {
  const statements: Statement[] = [];
  const querier = querierOver({
    driver: 'none',
    tagged: (statement: Statement) => statement,
    execute: async (statement) => {
      statements.push(statement);
      return { rows: [], rowCount: 0, fields: [], command: 'SELECT', node: 'a:5432' };
    },
    start: () => Promise.reject(new Error('nothing is started here')),
  });
  return { querier, statements };
}

describe('the form of a statement', () => {
  it.each([
    ['rowMode', 'lists', /rowMode is lists, but must be 'object' or 'array'/],
    ['types', {}, /types of a statement must be an object with a function getTypeParser/],
    ['types', null, /types of a statement must be/],
    ['types', 'text', /types of a statement must be/],
    ['name', 'n'.repeat(64), /at most 63 bytes/],
    ['values', 'x', /must be an array/],
  ])('%s = %o is refused before anything is sent', async (name, value, message) => {
    const { querier, statements } = recording();
    const call = Reflect.apply(querier.query, undefined, [{ text: 'select 1', [name]: value }]);
    await expect(call).rejects.toMatchObject({
      code: 'PGHERD_INVALID_ARGUMENT',
      message: expect.stringMatching(message),
    });
    expect(statements).toEqual([]);
  });

  it('parsers and row forms that are right go through', async () => {
    const { querier, statements } = recording();
    await querier.query({ text: 'select 1', types, rowMode: 'array' });
    await querier.query({ text: 'select 1', types: undefined, rowMode: undefined });
    expect(statements).toMatchObject([{ types, rowMode: 'array' }, { text: 'select 1' }]);
  });
});
