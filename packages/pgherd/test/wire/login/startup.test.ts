import { describe, expect, it } from 'vitest';
import type { ConnectRequest } from '../../../src/connection/port.ts';
import { startupPacket } from '../../../src/wire/login/startup.ts';

const REQUEST: ConnectRequest = {
  address: { host: 'db1', port: 5432, transport: 'tcp' },
  user: 'app',
  database: 'shop',
  tls: { mode: 'disable', verify: 'none', sni: false, negotiation: 'postgres', certMode: 'disable' },
  applicationName: 'herd',
  startup: { work_mem: '4 MB' },
  keepAliveMs: undefined,
};

function parametersOf(packet: Buffer): Record<string, string> {
  expect(packet.readInt32BE(0)).toBe(packet.length);
  expect(packet.readInt32BE(4)).toBe(196_608);
  const texts = packet.toString('utf8', 8).split('\0');
  expect(texts.splice(-2)).toEqual(['', '']);
  return Object.fromEntries(texts.flatMap((name, at) => (at % 2 === 0 ? [[name, texts[at + 1] ?? '']] : [])));
}

describe('the startup packet', () => {
  it('carries user, database, name and settings', () => {
    expect(parametersOf(startupPacket(REQUEST))).toEqual({
      user: 'app',
      database: 'shop',
      client_encoding: 'UTF8',
      application_name: 'herd',
      options: String.raw`-c work_mem=4\ MB`,
    });
  });

  it('parameters of the speaker go before, but for user and database; options of both are sent', () => {
    const own = new Map([
      ['user', 'postgres'],
      ['database', 'other'],
      ['application_name', 'guest'],
      ['options', '-c geqo=off'],
      ['TimeZone', 'UTC'],
    ]);
    expect(parametersOf(startupPacket(REQUEST, own))).toEqual({
      user: 'app',
      database: 'shop',
      client_encoding: 'UTF8',
      application_name: 'guest',
      options: String.raw`-c work_mem=4\ MB -c geqo=off`,
      TimeZone: 'UTC',
    });
  });

  it('refuses a NUL', () => {
    const own = new Map([['application_name', 'a\0user\0postgres']]);
    expect(() => startupPacket(REQUEST, own)).toThrow(/application_name contains a NUL/);
  });
});
