import { createPrivateKey, generateKeyPairSync, type KeyObject, sign } from 'node:crypto';

/** A certificate with its key, in PEM form. */
export interface Certificate {
  readonly cert: string;
  readonly key: string;
}

interface Party extends Certificate {
  readonly name: Buffer;
}

/** An authority that issues certificates for 127.0.0.1, as X.509 wants them, without any tool from outside. */
export interface Authority extends Certificate {
  /** For a server at 127.0.0.1, and under `dnsName`; or for a client. */
  issue(commonName: string, dnsName?: string): Certificate;
}

/** ECDSA with SHA-256. */
const SIGNATURE_ALGORITHM = sequence(objectId(1, 2, 840, 10045, 4, 3, 2));
const LOOPBACK = Buffer.from([127, 0, 0, 1]);
const DAY_MS = 86_400_000;

/** Makes an authority that nobody knew before. */
export function createAuthority(): Authority {
  let serial = 1;
  const root = certificate('test authority', undefined, serial, [[[2, 5, 29, 19], sequence(boolean(true))]]);
  return {
    cert: root.cert,
    key: root.key,
    issue: (commonName, dnsName = commonName) => {
      serial += 1;
      const names = sequence(tagged(0x82, Buffer.from(dnsName, 'ascii')), tagged(0x87, LOOPBACK));
      const { cert, key } = certificate(commonName, root, serial, [[[2, 5, 29, 17], names]]);
      return { cert, key };
    },
  };
}

type Extension = readonly [id: readonly [number, number, ...number[]], content: Buffer];

function certificate(
  commonName: string,
  issuer: Party | undefined,
  serial: number,
  extensions: readonly Extension[],
): Party {
  const { publicKey, privateKey } = generateKeyPairSync('ec', { namedCurve: 'prime256v1' });
  const name = sequence(
    tagged(0x31, sequence(objectId(2, 5, 4, 3), tagged(0x0c, Buffer.from(commonName, 'utf8')))),
  );
  const signer: KeyObject = issuer === undefined ? privateKey : createPrivateKey(issuer.key);
  const content = sequence(
    tagged(0xa0, integer(2)),
    integer(serial),
    SIGNATURE_ALGORITHM,
    issuer?.name ?? name,
    sequence(moment(Date.now() - DAY_MS), moment(Date.now() + DAY_MS)),
    name,
    publicKey.export({ type: 'spki', format: 'der' }),
    tagged(
      0xa3,
      sequence(...extensions.map(([id, value]) => sequence(objectId(...id), tagged(0x04, value)))),
    ),
  );
  const signature = Buffer.concat([Buffer.from([0]), sign('sha256', content, signer)]);
  const whole = sequence(content, SIGNATURE_ALGORITHM, tagged(0x03, signature));
  const text = whole.toString('base64').replaceAll(/.{64}/g, '$&\n');
  return {
    name,
    cert: `-----BEGIN CERTIFICATE-----\n${text}\n-----END CERTIFICATE-----\n`,
    key: privateKey.export({ type: 'pkcs8', format: 'pem' }).toString(),
  };
}

function tagged(tag: number, content: Buffer): Buffer {
  const size: number[] = [];
  for (let rest = content.length; rest > 0; rest >>>= 8) size.unshift(rest & 0xff);
  const length = content.length < 0x80 ? [content.length] : [0x80 | size.length, ...size];
  return Buffer.concat([Buffer.from([tag, ...length]), content]);
}

function sequence(...parts: readonly Buffer[]): Buffer {
  return tagged(0x30, Buffer.concat(parts));
}

function boolean(value: boolean): Buffer {
  return tagged(0x01, Buffer.from([value ? 0xff : 0]));
}

function integer(value: number): Buffer {
  return tagged(0x02, Buffer.from([value]));
}

function moment(at: number): Buffer {
  const text = new Date(at).toISOString().replaceAll(/[-:T]|\.\d+/g, '');
  return tagged(0x18, Buffer.from(text, 'ascii'));
}

function objectId(first: number, second: number, ...rest: readonly number[]): Buffer {
  const bytes = rest.flatMap((part) => {
    const groups = [part & 0x7f];
    for (let left = part >>> 7; left > 0; left >>>= 7) groups.unshift(0x80 | (left & 0x7f));
    return groups;
  });
  return tagged(0x06, Buffer.from([first * 40 + second, ...bytes]));
}
