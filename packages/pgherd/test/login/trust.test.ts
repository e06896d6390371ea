import { describe, expect, it } from 'vitest';
import type { TlsRequest } from '../../src/connection/port.ts';
import { hostList } from '../../src/discovery/allowed.ts';
import { allowedMethods } from '../../src/login/trust.ts';
import type { NodeAddress } from '../../src/model/topology.ts';

const tcp = (host: string, more: Partial<NodeAddress> = {}): NodeAddress => ({
  host,
  port: 5432,
  transport: 'tcp',
  ...more,
});
const socket = (host: string): NodeAddress => ({ host, port: 5432, transport: 'unix' });

const tls = (mode: TlsRequest['mode'], rootCert?: string): TlsRequest => ({
  mode,
  verify: mode === 'verify-full' ? 'full' : rootCert === undefined ? 'none' : 'ca',
  rootCert,
  sni: true,
  negotiation: 'postgres',
  certMode: 'allow',
});

const named = { hosts: new Set(['db1.shop.example', '/run/postgresql']), allowed: undefined };
const vouched = { ...named, allowed: hostList(['*.shop.example', '10.0.0.0/8', '/run/postgresql']) };

const FULL = tls('verify-full', '/root.crt');
const PUBLIC = tls('verify-full');
const SYSTEM = tls('verify-full', 'system');

describe('a host that discovery named may ask for the password in the clear', () => {
  it.each<[what: string, NodeAddress, TlsRequest, typeof named | typeof vouched]>([
    ['with a certificate of our authority', tcp('new.example'), FULL, named],
    ['with a certificate of our authority for its address', tcp('10.0.0.7'), FULL, named],
    [
      'as a name of the connection string, elsewhere',
      tcp('db1.shop.example', { hostaddr: '10.6.6.6' }),
      PUBLIC,
      named,
    ],
    ['in other letters', tcp('DB1.shop.EXAMPLE'), PUBLIC, named],
    [
      'as a server of a name of the connection string',
      tcp('10.6.6.6', { serverName: 'db1.shop.example' }),
      SYSTEM,
      named,
    ],
    ['as a name in allowDiscovered', tcp('db7.shop.example'), PUBLIC, vouched],
    [
      'as a server name in allowDiscovered',
      tcp('10.6.6.6', { serverName: 'db7.shop.example' }),
      FULL,
      vouched,
    ],
    ['as an address in allowDiscovered', tcp('10.0.0.7'), SYSTEM, vouched],
  ])('%s', (_what, address, request, hosts) => {
    expect(allowedMethods({ address, origin: 'discovered' }, request, undefined, hosts)).toEqual({
      requireAuth: undefined,
    });
  });
});

describe('a host that discovery named may not ask for the password in the clear, nor as MD5', () => {
  it.each<[what: string, NodeAddress, TlsRequest, typeof named | typeof vouched]>([
    ['without TLS', tcp('db7.shop.example'), tls('disable'), vouched],
    ['where TLS is optional', tcp('db7.shop.example'), tls('prefer'), vouched],
    ['with any certificate', tcp('db7.shop.example'), tls('require'), vouched],
    ['with no check at all', tcp('db7.shop.example'), tls('no-verify'), vouched],
    ['if its name is not checked', tcp('db7.shop.example'), tls('verify-ca', '/root.crt'), vouched],
    ['if its name is not checked, by require', tcp('db7.shop.example'), tls('require', '/root.crt'), vouched],
    ['as any name with public authorities', tcp('new.example'), PUBLIC, vouched],
    ['as any name with the authorities of the system', tcp('new.example'), SYSTEM, vouched],
    ['as a server of another name', tcp('db1.shop.example', { serverName: 'stranger.example' }), FULL, named],
    [
      'as a known name elsewhere without TLS',
      tcp('db1.shop.example', { hostaddr: '10.0.0.7' }),
      tls('prefer'),
      vouched,
    ],
    ['at a socket', socket('/run/postgresql'), FULL, vouched],
    ['at an abstract socket', socket('@postgresql'), FULL, vouched],
  ])('%s', (_what, address, request, hosts) => {
    const { requireAuth, requireAuthRule } = allowedMethods(
      { address, origin: 'discovered' },
      request,
      undefined,
      hosts,
    );
    expect(requireAuth).toEqual(['none', 'scram-sha-256']);
    expect(requireAuthRule).toContain('discovery named');
    expect(requireAuthRule).toContain('sslmode=verify-full');
  });
});

describe('methods', () => {
  const stranger = { address: tcp('new.example'), origin: 'discovered' } as const;

  it('of the connection string stay those of require_auth', () => {
    const configured = { address: tcp('db1.shop.example'), origin: 'configured' } as const;
    for (const methods of [undefined, ['md5']]) {
      expect(allowedMethods(configured, tls('disable'), methods, named)).toEqual({ requireAuth: methods });
    }
  });

  it('of a stranger are those of require_auth that reveal nothing', () => {
    const methods = ['md5', 'scram-sha-256'];
    expect(allowedMethods(stranger, tls('prefer'), methods, named).requireAuth).toEqual(['scram-sha-256']);
    expect(allowedMethods(stranger, tls('prefer'), ['password'], named).requireAuth).toEqual([]);
    expect(allowedMethods(stranger, FULL, methods, named).requireAuth).toBe(methods);
  });
});
