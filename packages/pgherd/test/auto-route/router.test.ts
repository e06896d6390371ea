import { beforeAll, describe, expect, it } from 'vitest';
import type { TextReader } from '../../src/auto-route/read-text.ts';
import { Router } from '../../src/auto-route/router.ts';
import type { Row } from '../../src/model/statement.ts';
import { realReader } from './parser.ts';

let reader: TextReader;
beforeAll(async () => {
  reader = await realReader();
});

/** A catalog whose functions and relations a test changes, and a clock that it sets. */
class FakeCatalog {
  now = 0;
  readonly functions = new Map<string, 'steady' | 'volatile'>([['f', 'steady']]);
  readonly relations = new Map<string, string>([['t', 'r']]);
  rare: Row[] = [];
  /** Names that were asked for, in order; `*` for what is asked without names. */
  readonly asked: string[] = [];
  failure: Error | undefined;
  /** Answers wait for it. */
  gate: Promise<void> = Promise.resolve();

  async ask(_text: string, values: readonly unknown[]): Promise<readonly Row[]> {
    const [functions = [], relations = []] = values as string[][];
    this.asked.push(values.length === 0 ? '*' : [...functions, ...relations].join(' '));
    await this.gate;
    if (this.failure !== undefined) throw this.failure;
    if (values.length === 0) return this.rare;
    const rows = (what: string, names: readonly string[], known: ReadonlyMap<string, string>) =>
      names
        .filter((name) => known.has(name))
        .map((name) => ({ what, owner: 'others', name, fact: known.get(name) }));
    return [...rows('functions', functions, this.functions), ...rows('relations', relations, this.relations)];
  }

  router(): Router {
    const parts = {
      reads: 'prefer-standby',
      allowed: new Set<string>(),
      reader: Promise.resolve(reader),
    } as const;
    return new Router(parts, { now: () => this.now, ask: (text, values) => this.ask(text, values) });
  }
}

const targetOf = async (router: Router, text: string) => (await router.routeOf(text)).target;

describe('what the catalog says', () => {
  it('is asked for once for each name', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    expect(await targetOf(router, 'select f() from t')).toBe('prefer-standby');
    expect(await targetOf(router, 'select f() from t')).toBe('prefer-standby');
    expect(await targetOf(router, 'select f(f()) from t a, t b')).toBe('prefer-standby');
    expect(await targetOf(router, 'select g() from t')).toBe('read-write');
    expect(await targetOf(router, 'select g(), f()')).toBe('read-write');
    expect(catalog.asked).toEqual(['*', 'f t', 'g']);
  });

  it('is not asked for where the text says all', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    expect(await targetOf(router, 'select 1')).toBe('prefer-standby');
    expect(await targetOf(router, 'delete from t')).toBe('read-write');
    expect(catalog.asked).toEqual([]);
  });

  it('is asked for once by many calls with one text', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    await router.routeOf('select 1');
    await Promise.all(Array.from({ length: 100 }, () => router.routeOf('select f()')));
    expect(catalog.asked).toEqual(['*', 'f']);
  });

  it('comes at once when it is known', async () => {
    const router = new FakeCatalog().router();
    await router.routeOf('select f()');
    expect(router.routeOf('select f()')).toEqual({ target: 'prefer-standby', why: 'it only reads' });
  });

  it('is asked for anew after half a minute, all together, while the old goes on', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    await router.routeOf('select f()');
    await router.routeOf('select 1 from t');
    catalog.functions.set('f', 'volatile');
    catalog.now = 29_999;
    expect(router.routeOf('select f()')).toMatchObject({ target: 'prefer-standby' });
    catalog.now = 30_000;
    expect(router.routeOf('select f()')).toMatchObject({ target: 'prefer-standby' });
    await settled();
    expect(router.routeOf('select f()')).toMatchObject({ target: 'read-write' });
    expect(catalog.asked).toEqual(['*', 'f', 't', '*', 'f t']);
  });

  it('is not used when it is a minute old', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    await router.routeOf('select f()');
    catalog.functions.set('f', 'volatile');
    catalog.now = 60_000;
    expect(await router.routeOf('select f()')).toMatchObject({ target: 'read-write' });
  });

  it('is forgotten when a statement on the primary may have changed it', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    await router.routeOf('select f()');
    catalog.functions.set('f', 'volatile');
    router.ran('INSERT');
    expect(await targetOf(router, 'select f()')).toBe('prefer-standby');
    router.ran('CREATE');
    expect(await targetOf(router, 'select f()')).toBe('read-write');
  });

  it('may come too late to count', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    await router.routeOf('select 1');
    let open = () => {};
    catalog.gate = new Promise((resolve) => {
      open = resolve;
    });
    const early = router.routeOf('select f()');
    router.ran('DROP');
    catalog.functions.delete('f');
    open();
    await early;
    expect(await targetOf(router, 'select f()')).toBe('read-write');
  });
});

describe('a catalog that cannot be asked', () => {
  it('sends to the primary, is asked again a second later at the earliest', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    catalog.failure = new Error('no node');
    expect(await router.routeOf('select f()')).toEqual({
      target: 'read-write',
      why: 'the catalog could not be asked: no node',
    });
    const asked = catalog.asked.length;
    catalog.now = 999;
    expect(await targetOf(router, 'select f()')).toBe('read-write');
    expect(catalog.asked).toHaveLength(asked);
    catalog.failure = undefined;
    catalog.now = 1_000;
    expect(await targetOf(router, 'select f()')).toBe('prefer-standby');
  });

  it('lets what is known go on until it is a minute old', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    await router.routeOf('select f()');
    catalog.failure = new Error('no node');
    catalog.now = 59_000;
    expect(await targetOf(router, 'select f()')).toBe('prefer-standby');
    await settled();
    catalog.now = 60_000;
    expect(await targetOf(router, 'select f()')).toBe('read-write');
  });

  it('is not believed if it answers something else', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    catalog.rare = [{ what: 7, name: {} }, {}, { what: 'operator', name: 'x'.repeat(64) }] as Row[];
    catalog.functions.set('f', 7 as never);
    expect(await targetOf(router, 'select f()')).toBe('read-write');
  });

  it('sends to the primary if it has more rare names than can be kept', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    catalog.rare = Array.from({ length: 2_001 }, (_, n) => ({ what: 'operator', name: `+${n}` }));
    expect((await router.routeOf('select f()')).why).toContain('more volatile operators');
  });
});

describe('a read that failed', () => {
  it('goes to the primary also if the catalog answers after that', async () => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    await router.routeOf('select f()');
    catalog.now = 60_000;
    const late = router.routeOf('select f()');
    router.failed('select f()', '25006');
    expect((await late).target).toBe('read-write');
    expect(await targetOf(router, 'select f()')).toBe('read-write');
  });

  it.each(['25006', '0A000', '55000'])('with %s goes to the primary from then on', async (code) => {
    const catalog = new FakeCatalog();
    const router = catalog.router();
    await router.routeOf('select f()');
    expect(router.failed('select f()', code)).toBe(true);
    expect(router.routeOf('select f()')).toEqual({
      target: 'read-write',
      why: `it failed with ${code} where reads go`,
    });
    catalog.now = 120_000;
    expect(await targetOf(router, 'select f()')).toBe('read-write');
    expect(await targetOf(router, 'select f(1)')).toBe('prefer-standby');
  });

  it.each([
    '42P01',
    '42703',
    '42883',
    '42704',
    '3F000',
  ])('with %s runs once more, and is not remembered', async (code) => {
    const router = new FakeCatalog().router();
    await router.routeOf('select f()');
    expect(router.failed('select f()', code)).toBe(true);
    expect(await targetOf(router, 'select f()')).toBe('prefer-standby');
  });

  it.each(['22012', '57014', '40001', '42601', '08006'])('with %s has failed', async (code) => {
    const router = new FakeCatalog().router();
    await router.routeOf('select f()');
    expect(router.failed('select f()', code)).toBe(false);
  });
});

/** Resolves when everything that can go on has done so. */
async function settled(): Promise<void> {
  await new Promise((resolve) => setImmediate(resolve));
}
