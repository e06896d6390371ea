import pg from 'pg';
import { describe, expect, test } from 'vitest';
import { swappedClasses } from '../../src/node-postgres/import-swap.ts';

function missing(): never {
  throw Object.assign(new Error("Cannot find module 'pg'\nRequire stack:\n- /app/main.js"), {
    code: 'MODULE_NOT_FOUND',
  });
}

describe('Pool and Client of a program', () => {
  test.each<[string, () => unknown, string]>([
    ['without pg', missing, "The module pg cannot be loaded (Cannot find module 'pg'): "],
    ['with something else in its place', () => ({ Client: 1 }), 'The module pg is missing: '],
  ])('%s can be named and extended; the first object says what is needed', (_what, load, beginning) => {
    for (const Base of Object.values(swappedClasses(load))) {
      class Own extends Base {}
      for (const One of [Base, Own]) {
        const error = thrownBy(() => new One());
        expect(error).toMatchObject({ code: 'PGHERD_INVALID_ARGUMENT', details: { argument: 'pg' } });
        expect(String(error)).toContain(beginning);
        expect(String(error)).toContain('pg 8.16 or newer (and pg-pool 3.10 or newer)');
        expect(String(error)).not.toContain('/app/main.js');
      }
    }
  });

  test('with pg are of its classes', () => {
    const { Pool, Client } = swappedClasses(() => pg);
    expect(new Pool({ host: 'db1' })).toBeInstanceOf(pg.Pool);
    expect(new Client({ host: 'db1' })).toBeInstanceOf(pg.Client);
  });
});

function thrownBy(fn: () => unknown): unknown {
  try {
    fn();
  } catch (error) {
    return error;
  }
  throw new Error('nothing was thrown');
}
