import { expect, it } from 'vitest';
import { stalenessOf } from '../../../src/wire/content/stale-name.ts';

it.each([
  ['26000', 'FetchPreparedStatement', 'prepared statement "x" does not exist', 'gone'],
  ['0A000', 'RevalidateCachedQuery', 'cached plan must not change result type', 'gone'],
  ['0A000', 'transformSelectStmt', 'not supported', 'none'],
  ['22P02', undefined, 'invalid input syntax for type integer: "x"', 'perhaps'],
  ['22003', undefined, 'value "3000000000" is out of range for type integer', 'perhaps'],
  ['22007', undefined, 'invalid input syntax for type date', 'perhaps'],
  ['22008', undefined, 'date/time field value out of range', 'perhaps'],
  ['22P03', undefined, 'incorrect binary data format in bind parameter 1', 'perhaps'],
  ['42804', undefined, 'column "v" is of type integer but expression is of type text', 'perhaps'],
  ['42883', undefined, 'operator does not exist: integer = text', 'perhaps'],
  ['42704', undefined, 'type "mood" does not exist', 'perhaps'],
  ['42846', undefined, 'cannot cast', 'perhaps'],
  ['XX000', undefined, 'cache lookup failed for type 16437', 'perhaps'],
  ['XX000', undefined, 'could not read block 5', 'none'],
  ['23505', undefined, 'duplicate key', 'none'],
  ['42P01', undefined, 'relation "t" does not exist', 'none'],
  [undefined, undefined, 'a parser failed', 'none'],
])('%s of %s: %s: %s', (code, routine, message, expected) => {
  expect(stalenessOf({ code, routine, message })).toBe(expected);
});
