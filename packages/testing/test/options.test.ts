import { describe, expect, it } from 'vitest';
import { TestClusterError } from '../src/errors.ts';
import { resolveOptions } from '../src/options.ts';

describe('options of a test cluster', () => {
  it.each([
    [{ standby: 1 }, /standby is not an option; there are version, .*standbys/],
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
