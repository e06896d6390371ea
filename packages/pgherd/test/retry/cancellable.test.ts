import { describe, expect, it } from 'vitest';
import { type Abandoned, mayCancel } from '../../src/retry/cancellable.ts';

const ALONE: Abandoned = { text: undefined, inTransaction: false, couldNotWrite: false };

describe('whether what was given up may be cancelled on the server', () => {
  it.each<[string, Partial<Abandoned>, string]>([
    ['a read where a write is impossible', { text: 'select 1', couldNotWrite: true }, 'cancel'],
    ['a batch where a write is impossible', { couldNotWrite: true }, 'cancel'],
    ['a statement of a transaction', { text: 'update t set n = 1', inTransaction: true }, 'cancel'],
    ['a COPY of a transaction', { inTransaction: true }, 'cancel'],
    ['BEGIN', { text: 'BEGIN ISOLATION LEVEL SERIALIZABLE' }, 'cancel'],
    ['START TRANSACTION', { text: 'start  transaction read only' }, 'cancel'],
    ['a savepoint', { text: 'SAVEPOINT a', inTransaction: true }, 'cancel'],
    ['ROLLBACK', { text: 'ROLLBACK', inTransaction: true }, 'cancel'],
    ['a write by itself', { text: 'insert into t values (1)' }, 'ask'],
    ['a SELECT by itself, whose function may write', { text: 'select refill()' }, 'ask'],
    ['a batch by itself', {}, 'ask'],
    ['a procedure', { text: 'call work()' }, 'ask'],
    [
      'a script with a COMMIT in it',
      { text: 'update t set n = 1; commit; select 1', inTransaction: true },
      'ask',
    ],
    ['COMMIT', { text: 'COMMIT', inTransaction: true }, 'never'],
    ['END', { text: 'end', inTransaction: true }, 'never'],
    ['COMMIT PREPARED', { text: "commit prepared 'x'" }, 'never'],
    ['PREPARE TRANSACTION', { text: "prepare transaction 'x'", inTransaction: true }, 'never'],
    ['COMMIT behind a comment', { text: '/* a /* b */ */ -- c\n commit', inTransaction: true }, 'never'],
    ['COMMIT where a write is impossible', { text: 'commit', couldNotWrite: true }, 'never'],
  ])('%s', (_what, abandoned, expected) => {
    expect(mayCancel({ ...ALONE, ...abandoned })).toBe(expected);
  });
});
