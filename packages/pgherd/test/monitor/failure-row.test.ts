import { expect, test } from 'vitest';
import { FailureRow } from '../../src/monitor/failure-row.ts';

test('every failed attempt counts until a connection is made', () => {
  const row = new FailureRow();
  row.add('refused', false);
  row.add('timeout', true);
  expect(row.count).toBe(2);
  row.end();
  expect(row.count).toBe(0);
});

test('a first refused login is the first of its kind, and so is the first silence after it', () => {
  const row = new FailureRow();
  row.add('refused', false);
  row.add('refused', false);
  row.add('authentication', false);
  expect(row.count).toBe(1);
  row.add('database-missing', false);
  expect(row.count).toBe(2);
  row.add('refused', false);
  expect(row.count).toBe(1);
});

test('a login that is tried before its time and refused again does not make the pause longer', () => {
  const row = new FailureRow();
  row.add('authentication', true);
  row.add('authentication', true);
  row.add('authentication', true);
  expect(row.count).toBe(1);
  row.add('authentication', false);
  expect(row.count).toBe(2);
});

test('a login that is refused right after a connection is the first of a new row', () => {
  const row = new FailureRow();
  row.add('authentication', false);
  row.end();
  row.add('authentication', true);
  expect(row.count).toBe(1);
});
