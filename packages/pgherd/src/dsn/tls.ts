import { Secret } from '../model/secret.ts';
import type { TlsPlan } from './plan-types.ts';
import { TLS_MODES, TLS_NEGOTIATIONS, TLS_VERSIONS, type TlsMode, type TlsVersion } from './sets.ts';
import type { Settings } from './settings.ts';
import { badValue, choose, chooseText } from './values.ts';

/** `sslcertmode` of libpq 16 and later. */
const CERT_MODES = ['disable', 'allow', 'require'] as const;

/** Values of Prisma's `sslaccept`. */
const SSL_ACCEPTS = ['strict', 'accept_invalid_certs'] as const;

/**
 * The `sslmode` family.
 *
 * @throws {@link InvalidDsnError} `PGHERD_INVALID_DSN` for a bad value, a combination that libpq refuses as
 * too weak, or something that Node's TLS cannot do (`sslcrldir`, `sslcertmode=require`).
 */
export function planTls(settings: Settings): TlsPlan {
  const rootCert = chooseText(settings, 'sslrootcert');
  const mode = planMode(settings, rootCert);
  const negotiation = choose(settings, 'sslnegotiation', TLS_NEGOTIATIONS, 'postgres');
  if (negotiation === 'direct' && (mode === 'disable' || mode === 'allow' || mode === 'prefer')) {
    throw badValue(
      settings,
      'sslnegotiation',
      `requires TLS, but sslmode ${mode} does not`,
      'Add sslmode=require.',
    );
  }
  if (chooseText(settings, 'sslcrldir') !== undefined) {
    throw badValue(
      settings,
      'sslcrldir',
      'is not supported',
      'Put the revocation lists into one file and name it in sslcrl.',
    );
  }
  const keyPassword = chooseText(settings, 'sslpassword');
  return {
    mode,
    verify: verification(mode, rootCert),
    rootCert,
    cert: chooseText(settings, 'sslcert'),
    key: chooseText(settings, 'sslkey'),
    keyPassword: keyPassword === undefined ? undefined : new Secret(keyPassword),
    crl: chooseText(settings, 'sslcrl'),
    sni: settings.get('sslsni')?.value.startsWith('1') ?? true,
    negotiation,
    ...planVersions(settings),
    certMode: planCertMode(settings),
  };
}

function planMode(settings: Settings, rootCert: string | undefined): TlsMode {
  const system = rootCert === 'system';
  const mode = choose(settings, 'sslmode', TLS_MODES, system ? 'verify-full' : 'prefer');
  if (system && mode !== 'verify-full') {
    throw badValue(settings, 'sslmode', 'is too weak for sslrootcert=system', 'Use sslmode=verify-full.');
  }
  if (settings.get('sslaccept') === undefined) return mode;
  const accept = choose(settings, 'sslaccept', SSL_ACCEPTS, 'accept_invalid_certs');
  if (accept === 'strict' && mode !== 'disable') return 'verify-full';
  return mode;
}

/**
 * What a mode checks of the server's certificate; `allow`, `prefer` and `require` need a root certificate.
 */
export function verification(mode: TlsMode, rootCert: string | undefined): TlsPlan['verify'] {
  switch (mode) {
    case 'verify-full':
      return 'full';
    case 'verify-ca':
      return 'ca';
    case 'disable':
    case 'no-verify':
      return 'none';
    case 'allow':
    case 'prefer':
    case 'require':
      return rootCert === undefined ? 'none' : 'ca';
    default:
      return mode satisfies never;
  }
}

function planVersions(settings: Settings): Pick<TlsPlan, 'minVersion' | 'maxVersion'> {
  const minVersion = version(settings, 'ssl_min_protocol_version', 'TLSv1.2');
  const maxVersion = version(settings, 'ssl_max_protocol_version', undefined);
  if (minVersion !== undefined && maxVersion !== undefined) {
    if (TLS_VERSIONS.indexOf(minVersion) > TLS_VERSIONS.indexOf(maxVersion)) {
      throw badValue(settings, 'ssl_max_protocol_version', `is below ssl_min_protocol_version ${minVersion}`);
    }
  }
  return { minVersion, maxVersion };
}

/** Case does not matter, and the empty string means no limit. */
function version(settings: Settings, name: string, fallback: TlsVersion | undefined): TlsVersion | undefined {
  const setting = settings.get(name);
  if (setting === undefined) return fallback;
  if (setting.value === '') return undefined;
  const found = TLS_VERSIONS.find((one) => one.toLowerCase() === setting.value.toLowerCase());
  if (found === undefined) throw badValue(settings, name, `is not one of ${TLS_VERSIONS.join(', ')}`);
  return found;
}

function planCertMode(settings: Settings): TlsPlan['certMode'] {
  const mode = choose(settings, 'sslcertmode', CERT_MODES, 'allow');
  if (mode !== 'require') return mode;
  throw badValue(
    settings,
    'sslcertmode',
    'is not supported: Node.js does not report whether the server asked for a certificate',
    'Use sslcertmode=allow.',
  );
}
