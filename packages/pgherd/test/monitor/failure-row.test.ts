import { expect, test } from 'vitest';
import { FailureRow } from '../../src/monitor/failure-row.ts';
import { serverError } from '../support/scripted-connection.ts';

const REFUSED = Object.assign(new Error('connect ECONNREFUSED'), { code: 'ECONNREFUSED' });
const TIMEOUT = Object.assign(new Error('connect ETIMEDOUT'), { code: 'ETIMEDOUT' });
const STARTING = serverError('the database system is starting up', '57P03', 'FATAL');
const NOT_LET_IN = serverError('no pg_hba.conf entry', '28000', 'FATAL');
const NO_DATABASE = serverError('database "x" does not exist', '3D000', 'FATAL');
const PASSWORD = serverError('password authentication failed', '28P01', 'FATAL');

test('every failed attempt counts until a connection is made, whatever passing kind it is of', () => {
  const row = new FailureRow();
  expect(row.failing).toBeUndefined();
  row.add(REFUSED, false, 10);
  row.add(STARTING, true, 20);
  expect(row.failing).toEqual({ kind: 'starting-up', count: 2, since: 10 });
  row.add(TIMEOUT, false, 30);
  expect(row.failing).toEqual({ kind: 'passing', count: 3, since: 10 });
  row.end();
  expect(row.failing).toBeUndefined();
});

test('a first refused login is the first of its kind, and so is a first refused password, and the first silence after it', () => {
  const row = new FailureRow();
  row.add(REFUSED, false, 10);
  row.add(REFUSED, false, 20);
  row.add(NOT_LET_IN, false, 30);
  expect(row.failing).toEqual({ kind: 'lasting', count: 1, since: 30 });
  row.add(NO_DATABASE, false, 40);
  expect(row.failing).toEqual({ kind: 'lasting', count: 2, since: 30 });
  row.add(PASSWORD, false, 50);
  expect(row.failing).toEqual({ kind: 'password', count: 1, since: 50 });
  row.add(REFUSED, false, 60);
  expect(row.failing).toEqual({ kind: 'refused', count: 1, since: 60 });
});

test.each([
  NOT_LET_IN,
  PASSWORD,
])('a login that is tried before its time does not make the pause longer: %s', (error) => {
  const row = new FailureRow();
  row.add(error, true, 10);
  row.add(error, true, 20);
  row.add(error, true, 30);
  expect(row.failing).toMatchObject({ count: 1, since: 10 });
  row.add(error, false, 40);
  expect(row.failing).toMatchObject({ count: 2, since: 10 });
});

test('a login that is refused right after a connection is the first of a new row', () => {
  const row = new FailureRow();
  row.add(NOT_LET_IN, false, 10);
  row.end();
  row.add(NOT_LET_IN, true, 20);
  expect(row.failing).toMatchObject({ count: 1, since: 20 });
});
