import { describe, expect, it } from 'vitest';
import { transactionControl } from '../../src/sql/transaction-control.ts';

describe('control of a transaction', () => {
  it.each([
    'commit',
    'COMMIT WORK',
    'commit and chain',
    'end',
    'End Transaction',
    '; commit',
    ';;/* x */ ; -- y\n commit',
    '/* /* nested */ */ commit',
    'rollback',
    'rollback work',
    'rollback transaction and no chain',
    'rollback and chain',
    "rollback prepared 'x'",
    'abort',
    'abort and chain',
    'begin',
    'begin isolation level serializable',
    'start transaction',
    "prepare transaction 'x'",
    'commit; select 1',
    "commit prepared 'x'",
  ])('%j ends or begins a transaction', (text) => {
    expect(transactionControl(text)).toBe('ends');
  });

  it.each([
    'savepoint pgherd_1',
    'SAVEPOINT PGHERD_1',
    'savepoint "pgherd_1"',
    'release pgherd_2',
    'release savepoint pgherd_2',
    'release /* x */ savepoint "pgherd_2"',
    'rollback to pgherd_1',
    '; rollback work to savepoint pgherd_1',
    'rollback transaction to pgherd_1',
    'rollback to U&"pgherd\\005f1"',
    'rollback to',
    'release',
  ])('%j may be about a savepoint of our own', (text) => {
    expect(transactionControl(text)).toBe('own-savepoint');
  });

  it.each([
    'savepoint a',
    'savepoint savepoint',
    'release a',
    'release savepoint',
    'release savepoint a',
    'rollback to a',
    'rollback to savepoint "PGHERD_1"',
    'rollback work to savepoint a; ',
    'select 1',
    'prepare p as select 1',
    "select 'commit'",
    'update "commit" set n = 1',
    'create function f() returns int begin atomic select 1; end',
    '',
  ])('%j is the business of the application', (text) => {
    expect(transactionControl(text)).toBeUndefined();
  });
});
