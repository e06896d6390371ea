import { describe, expect, it } from 'vitest';
import { nearest } from '../../src/model/nearest.ts';

const KNOWN = ['sslmode', 'sslcert', 'target_session_attrs', 'host', 'hostaddr', 'user'];

describe('nearest', () => {
  it.each([
    ['sslmod', 'sslmode'],
    ['SSLMODE', 'sslmode'],
    ['ssl-mode', 'sslmode'],
    ['targetSessionAttributes', 'target_session_attrs'],
    ['hostadr', 'hostaddr'],
    ['usr', 'user'],
    ['hosts', 'host'],
  ])('%s means %s', (name, meant) => {
    expect(nearest(name, KNOWN)).toBe(meant);
  });

  it.each(['', 'x', 'zz', 'application', 'x'.repeat(65)])('%s means nothing known', (name) => {
    expect(nearest(name, KNOWN)).toBeUndefined();
  });

  it('gives the first of several equally near, and nothing when nothing is known', () => {
    expect(nearest('poo', ['pool', 'poor'])).toBe('pool');
    expect(nearest('pool', [])).toBeUndefined();
  });
});
