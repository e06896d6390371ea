import { readFileSync } from 'node:fs';
import { describe, expect, it } from 'vitest';
import { TestClusterError } from '../src/errors.ts';
import { resolveOptions } from '../src/options.ts';

describe('options of a test cluster', () => {
  it.each([
    [{ standby: 1 }, /standby is not an option of a test cluster; did you mean standbys\?/],
    [{ nodes: 3 }, /nodes is not an option of a test cluster; there are version, .*standbys/],
    [{ proxys: true, standbys: 9 }, /proxys is not an option.*standbys: 9 is not/s],
  ])('%o is refused', (given, message) => {
    const resolve = () => Reflect.apply(resolveOptions, undefined, [given]);
    expect(resolve).toThrow(TestClusterError);
    expect(resolve).toThrow(message);
  });

  it('all that exist are accepted together', () => {
    const given = {
      standbys: 1,
      proxy: true,
      replicationThroughProxy: true,
      auth: 'trust',
      tls: false,
    } as const;
    expect(
      resolveOptions({ ...given, freshIdentity: true, settings: {}, synchronous: 'none' }),
    ).toMatchObject({
      standbys: 1,
      freshIdentity: true,
    });
  });
});

describe('the nearest name', () => {
  it('is found as pgherd finds it, which the kit must not load', () => {
    const [own, pgherds] = ['../src/nearest.ts', '../../pgherd/src/model/nearest.ts'].map((file) =>
      readFileSync(new URL(file, import.meta.url), 'utf8'),
    );
    expect(own).toBe(pgherds);
  });
});
