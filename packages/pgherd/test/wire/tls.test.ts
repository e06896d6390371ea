import { createPrivateKey, generateKeyPairSync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../src/model/secret.ts';
import { tlsOptions } from '../../src/wire/tls.ts';
import { createAuthority } from '../discovery/certificates.ts';

const ADDRESS = { host: 'db', port: 5432, transport: 'tcp' } as const;
const CERTIFICATE = createAuthority().cert;

const { privateKey } = generateKeyPairSync('ec', { namedCurve: 'P-256' });

function locked(): string {
  const how = { type: 'pkcs8', format: 'pem', cipher: 'aes-256-cbc', passphrase: 'open sesame' } as const;
  return String(privateKey.export(how));
}

const optionsWith = (key: string, password: string | undefined) =>
  tlsOptions(
    {
      mode: 'require',
      verify: 'none',
      cert: CERTIFICATE,
      key: new Secret(key),
      keyPassword: password === undefined ? undefined : new Secret(password),
      sni: true,
      negotiation: 'postgres',
      certMode: 'allow',
    },
    ADDRESS,
  );

/** What OpenSSL says of the key with that password. */
function complaint(key: string, passphrase: string): string | undefined {
  try {
    createPrivateKey({ key, passphrase });
    return undefined;
  } catch (error) {
    return (error as { readonly code?: string }).code;
  }
}

describe('an encrypted private key', () => {
  it('is decrypted by its password', async () => {
    const { key } = await optionsWith(locked(), 'open sesame');
    expect(createPrivateKey(String(key)).equals(privateKey)).toBe(true);
  });

  it.each([
    undefined,
    '',
    'close sesame',
  ])('says so where the password is %j, and shows neither', async (given) => {
    const error = String(await optionsWith(locked(), given).catch((thrown: unknown) => thrown));
    expect(error).toContain('sslpassword must be its password');
    expect(error).not.toContain('sesame');
    expect(error).not.toContain('-----');
  });

  it('says the same where a wrong password seems to fit, as one of 170 does', async () => {
    let key = locked();
    for (let tries = 0; complaint(key, 'close sesame') === 'ERR_OSSL_BAD_DECRYPT'; tries++) {
      if (tries === 5_000) throw new Error('no key was found that seems to be decrypted');
      key = locked();
    }
    const error = String(await optionsWith(key, 'close sesame').catch((thrown: unknown) => thrown));
    expect(error).toContain('sslpassword must be its password');
  });
});
