import { describe, expect, it } from 'vitest';
import { assertServersRun, platformHere } from '../src/postgres/platform.ts';

describe('platforms', () => {
  it.each([
    ['linux', '2.36', false],
    ['darwin', undefined, false],
    ['linux', undefined, true],
  ])('%s with glibc %s, own servers %s: servers run', (name, glibc, bringsOwn) => {
    expect(() => assertServersRun({ name, glibc }, bringsOwn)).not.toThrow();
  });

  it.each([
    ['win32', undefined, true, /Windows \(win32\).*WSL/],
    ['linux', undefined, false, /need glibc.*binaries: 'path'/],
  ])('%s with glibc %s, own servers %s: the error names the way out', (name, glibc, bringsOwn, message) => {
    expect(() => assertServersRun({ name, glibc }, bringsOwn)).toThrow(message);
  });

  it('is known of this machine', () => {
    const { name, glibc } = platformHere();
    expect(name).toBe(process.platform);
    if (name === 'linux') expect(glibc === undefined || /^\d+\.\d+/.test(glibc)).toBe(true);
  });
});
