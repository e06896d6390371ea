import { inspect } from 'node:util';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/model/secret.ts';
import type { ClusterOptions } from '../../src/options/options.ts';
import { resolveSettings } from '../../src/options/settings.ts';

// A home without certificates, whoever runs this.
const env = { HOME: '/nonexistent' };
const KEY = '-----BEGIN PRIVATE KEY-----\nwonderland\n-----END PRIVATE KEY-----\n';

function logins(url: string, options: Partial<ClusterOptions> = {}) {
  return resolveSettings({ url, env, ...options }).logins;
}

describe('a login', () => {
  it('takes TLS from the options, then from the URL, then from the environment', () => {
    const url = 'postgres://app@a/shop?sslmode=require&sslsni=0';
    expect(logins(url).general.tls).toMatchObject({ mode: 'require', verify: 'none', sni: false });
    const tls = { mode: 'verify-full', sni: true, minVersion: 'TLSv1.3', negotiation: 'direct' } as const;
    expect(logins(url, { tls }).general.tls).toMatchObject({ ...tls, verify: 'full' });
    const variables = { ...env, PGSSLMODE: 'no-verify' };
    expect(logins('postgres://app@a/shop', { env: variables }).general.tls.mode).toBe('no-verify');
  });

  it('is another for a node of which something else is said', () => {
    const { general, byNode } = logins('postgres://app:secret@a,b/shop?sslmode=require', {
      tls: { crl: '/lists.crl' },
      nodes: { 'b:5432': { user: 'other', tls: { mode: 'disable' } }, 'a:5432': { zone: 'here' } },
    });
    expect([...byNode.keys()]).toEqual(['b:5432']);
    expect(general).toMatchObject({ user: 'app', tls: { mode: 'require', crl: '/lists.crl' } });
    expect(byNode.get('b:5432')).toMatchObject({
      user: 'other',
      database: 'shop',
      tls: { mode: 'disable', crl: '/lists.crl' },
    });
  });

  it('has the password of the node, of the options, of the URL, in this order', () => {
    const url = 'postgres://app:of-url@a,b/shop';
    const ask = () => 'token';
    const of = (options: Partial<ClusterOptions>, name = 'a:5432') => {
      const { general, byNode } = logins(url, options);
      const { password } = byNode.get(name) ?? general;
      return password.kind === 'known' ? password.password?.reveal() : password.kind;
    };
    expect(of({})).toBe('of-url');
    expect(of({ password: 'of-options' })).toBe('of-options');
    expect(of({ password: ask })).toBe('asked');
    const nodes = { 'a:5432': { password: 'of-node' } };
    expect([of({ password: ask, nodes }), of({ password: ask, nodes }, 'b:5432')]).toEqual([
      'of-node',
      'asked',
    ]);
  });

  it('of every node is derived from surroundings that are read once', () => {
    let reads = 0;
    const counted = {
      get HOME() {
        reads++;
        return env.HOME;
      },
    };
    const nodes = { 'a:5432': { user: 'other' }, 'b:5432': { password: 'of-node' } };
    expect(logins('postgres://app@a,b/shop', { env: counted, nodes }).byNode.size).toBe(2);
    expect(reads).toBe(1);
  });

  it('keeps a key that is given as text as a secret', () => {
    const settings = resolveSettings({
      url: 'postgres://app@a/shop',
      env,
      tls: { cert: '/app.crt', key: KEY, keyPassword: 'wonderland' },
    });
    const { key } = settings.logins.general.tls;
    expect(key instanceof Secret && key.reveal()).toBe(KEY);
    expect(inspect(settings, { depth: 20, showHidden: true })).not.toContain('wonderland');
    expect(JSON.stringify(settings)).not.toContain('wonderland');
  });
});

describe('what cannot be', () => {
  const refused = (options: object, url = 'postgres://app@a/shop') =>
    expect(() => logins(url, options as Partial<ClusterOptions>));

  it('is told with its name', () => {
    refused({ tls: { mode: 'sometimes' } }).toThrow(
      /tls\.mode is "sometimes", but must be one of disable, allow/,
    );
    refused({ tls: { rootCrt: '/root.crt' } }).toThrow(
      /tls\.rootCrt is not an option; did you mean tls\.rootCert\?/,
    );
    refused({ tls: true }).toThrow(/tls is true, but must be an object/);
    refused({ nodes: { 'a:5432': { tls: { sni: 'no' } } } }).toThrow(/nodes\["a:5432"\]\.tls\.sni is "no"/);
    refused({ nodes: { 'a:5432': { password: 42 } } }).toThrow(/nodes\["a:5432"\]\.password is \*\*\*, but/);
    refused({ password: '' }).toThrow(/password is \*\*\*, but must be a non-empty string, or a function/);
  });

  it('is told where single values are right and make no sense together', () => {
    refused({ tls: { mode: 'verify-ca' } }).toThrow(/needs sslrootcert/);
    refused({ tls: { negotiation: 'direct' } }).toThrow(/sslnegotiation "direct" requires TLS/);
    refused({ tls: { rootCert: 'system', mode: 'require' } }).toThrow(/too weak for sslrootcert=system/);
    refused({ tls: { minVersion: 'TLSv1.3', maxVersion: 'TLSv1.2' } }).toThrow(
      /is below ssl_min_protocol_version/,
    );
  });
});
