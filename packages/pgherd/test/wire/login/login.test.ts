import { createHash, createHmac, pbkdf2Sync } from 'node:crypto';
import { describe, expect, it } from 'vitest';
import { Secret } from '../../../src/model/secret.ts';
import {
  ASKED,
  type LoginState,
  type LoginStep,
  type LoginTerms,
  loginStep,
  proved,
} from '../../../src/wire/login/login.ts';
import { prove } from '../../../src/wire/login/scram.ts';

const NONCE = Buffer.alloc(18, 7);
const HASH = Buffer.alloc(32, 3);
const TERMS: LoginTerms = {
  user: 'app',
  password: new Secret('pencil'),
  methods: undefined,
  rule: 'require_auth allows',
  channelBinding: 'prefer',
  certificateHash: undefined,
  encrypted: false,
  maxIterations: 100_000,
  random: () => NONCE,
};

const int = (value: number): Buffer => {
  const bytes = Buffer.alloc(4);
  bytes.writeInt32BE(value);
  return bytes;
};
const authentication = (kind: number, ...rest: (Buffer | string)[]): Message => ({
  type: 'R',
  body: Buffer.concat([int(kind), ...rest.map((part) => Buffer.from(part))]),
});

interface Message {
  readonly type: string;
  readonly body: Buffer;
}

const OK = authentication(0);
const CLEAR = authentication(3);
const MD5 = authentication(5, 'salt');
const SASL = authentication(10, 'SCRAM-SHA-256\0\0');
const SASL_BOTH = authentication(10, 'SCRAM-SHA-256-PLUS\0SCRAM-SHA-256\0\0');
const FIRST = `r=${NONCE.toString('base64')}server,s=${Buffer.from('salt').toString('base64')},i=4096`;
const CONTINUE = authentication(11, FIRST);
const FINAL = authentication(12, 'v=AAAA');
const PARAMETER: Message = { type: 'S', body: Buffer.from('server_version\x0018.4\0') };
const KEY: Message = { type: 'K', body: Buffer.concat([int(42), int(4711)]) };
const READY: Message = { type: 'Z', body: Buffer.from('I') };
const IN_TRANSACTION: Message = { type: 'Z', body: Buffer.from('T') };
const NOTICE: Message = { type: 'N', body: Buffer.from('SNOTICE\0Mhay\0\0') };
const ERROR: Message = { type: 'E', body: Buffer.from('SFATAL\0VFATAL\0C28P01\0Mno\0\0') };
const NEGOTIATE: Message = { type: 'v', body: Buffer.concat([int(0), int(0)]) };
const ROW: Message = { type: 'D', body: Buffer.from([0, 0]) };

/** A message in the middle of poison: what is read outside of it shows. */
function step(state: LoginState, { type, body }: Message, terms: LoginTerms = TERMS): LoginStep {
  const bytes = Buffer.concat([Buffer.alloc(9, 0xaa), body, Buffer.alloc(9, 0xaa)]);
  return loginStep(state, type.charCodeAt(0), { bytes, start: 9, end: 9 + body.length }, terms);
}

const PROOF = { message: 'c', serverSignature: Buffer.from('AAAA', 'base64') };
const OFFERED = step(ASKED, SASL).state;
const STATES: Readonly<Record<LoginState['name'], LoginState>> = {
  asked: ASKED,
  answered: { name: 'answered' },
  offered: OFFERED,
  deriving: step(OFFERED, CONTINUE).state,
  proving: proved(PROOF).state,
  proven: { name: 'proven' },
  open: { name: 'open', hasKey: false },
  ready: { name: 'ready' },
};

/** The table of the design: state × message → next state; everything else ends the login. */
const TABLE: Readonly<Record<LoginState['name'], readonly (readonly [Message, LoginState['name']])[]>> = {
  asked: [
    [OK, 'open'],
    [CLEAR, 'answered'],
    [MD5, 'answered'],
    [SASL, 'offered'],
    [NEGOTIATE, 'asked'],
    [NOTICE, 'asked'],
  ],
  answered: [
    [OK, 'open'],
    [NOTICE, 'answered'],
  ],
  offered: [
    [CONTINUE, 'deriving'],
    [NOTICE, 'offered'],
  ],
  deriving: [],
  proving: [
    [FINAL, 'proven'],
    [NOTICE, 'proving'],
  ],
  proven: [
    [OK, 'open'],
    [NOTICE, 'proven'],
  ],
  open: [
    [PARAMETER, 'open'],
    [KEY, 'open'],
    [READY, 'ready'],
    [NOTICE, 'open'],
  ],
  ready: [[NOTICE, 'ready']],
};
const MESSAGES = [OK, CLEAR, MD5, SASL, CONTINUE, FINAL, PARAMETER, KEY, READY, NOTICE, NEGOTIATE, ROW];

describe('the login automaton', () => {
  it.each(
    Object.keys(TABLE) as LoginState['name'][],
  )('while "%s", takes what the table names and nothing else', (name) => {
    const state = STATES[name];
    expect(state.name).toBe(name);
    for (const message of MESSAGES) {
      const row = TABLE[name].find(([one]) => one === message);
      const text = `${name} × ${message.type} ${message.body.toString('hex')}`;
      if (row === undefined) expect(() => step(state, message), text).toThrow(/broke|prove/);
      else expect(step(state, message).state.name, text).toBe(row[1]);
    }
  });

  it('ends with the error of the server wherever it stands', () => {
    for (const state of Object.values(STATES))
      expect(() => step(state, ERROR)).toThrow(expect.objectContaining({ code: '28P01' }));
  });

  it('begins no session inside a transaction, and takes one key', () => {
    expect(() => step(STATES.open, IN_TRANSACTION)).toThrow(/inside a transaction/);
    const { state } = step(STATES.open, KEY);
    expect(() => step(state, KEY)).toThrow(/impossible/);
  });

  it.each([
    ['a key of 3 bytes', { type: 'K', body: Buffer.alloc(7) }],
    ['a parameter without its end', { type: 'S', body: Buffer.from('name\0value') }],
    ['a parameter with bytes behind it', { type: 'S', body: Buffer.from('name\0value\0x') }],
    ['an AuthenticationOk with bytes behind it', authentication(0, 'x')],
    ['an authentication request without a number', { type: 'R', body: Buffer.alloc(2) }],
  ])('refuses %s', (_what, message) => {
    const state = message.type === 'R' ? ASKED : STATES.open;
    expect(() => step(state, message)).toThrow(expect.objectContaining({ code: 'PGHERD_PROTOCOL_ERROR' }));
  });
});

describe('demands on a login', () => {
  const allowing = (...methods: string[]): LoginTerms => ({ ...TERMS, methods });

  it.each([
    [OK, ['scram-sha-256'], 'none'],
    [CLEAR, ['scram-sha-256'], 'password'],
    [MD5, ['scram-sha-256', 'password'], 'md5'],
    [SASL, ['password'], 'scram-sha-256'],
  ] as const)('a method that require_auth does not name gets no password', (message, methods, asked) => {
    const attempt = () => step(ASKED, message, allowing(...methods));
    expect(attempt).toThrow(`it asks for ${asked}, and require_auth allows ${methods.join(', ')}`);
    expect(attempt).toThrow(expect.objectContaining({ code: 'PGHERD_AUTHENTICATION_FAILED' }));
  });

  it.each([
    ['nothing', OK],
    ['a password', CLEAR],
    ['md5', MD5],
    ['SCRAM without a binding', SASL],
  ])('channel_binding=require refuses a server that asks for %s', (_what, message) => {
    for (const terms of [
      { ...TERMS, channelBinding: 'require' as const },
      { ...TERMS, channelBinding: 'require' as const, encrypted: true, certificateHash: HASH },
    ])
      expect(() => step(ASKED, message, terms)).toThrow(
        expect.objectContaining({ code: 'PGHERD_AUTHENTICATION_FAILED' }),
      );
  });

  it.each([
    [
      'bound over TLS',
      { certificateHash: HASH },
      SASL_BOTH,
      'SCRAM-SHA-256-PLUS\0',
      'p=tls-server-end-point,,',
    ],
    ['not offered over TLS', { certificateHash: HASH }, SASL, 'SCRAM-SHA-256\0', 'y,,'],
    ['not wanted', { certificateHash: HASH, channelBinding: 'disable' }, SASL_BOTH, 'SCRAM-SHA-256\0', 'n,,'],
    ['in the clear', {}, SASL_BOTH, 'SCRAM-SHA-256\0', 'n,,'],
  ] as const)('SCRAM %s says so', (_what, changes, message, mechanism, header) => {
    const { effect } = step(ASKED, message, { ...TERMS, ...changes });
    const body = effect.kind === 'send' ? effect.body.toString('latin1') : '';
    expect(body.startsWith(mechanism)).toBe(true);
    expect(body.slice(mechanism.length + 4)).toBe(`${header}n=*,r=${NONCE.toString('base64')}`);
  });

  it('sends no password that is not there, and none with a NUL character', () => {
    for (const message of [CLEAR, MD5, SASL]) {
      expect(() => step(ASKED, message, { ...TERMS, password: undefined })).toThrow(/none is configured/);
      expect(() => step(ASKED, message, { ...TERMS, password: new Secret('a\0b') })).toThrow(/NUL/);
    }
  });

  it.each([
    ['fewer iterations than 4,096', FIRST.replace('4096', '4095')],
    ['more than scramMaxIterations', FIRST.replace('4096', '100001')],
    ['a number that is none', FIRST.replace('4096', '4096x')],
    ['another nonce', FIRST.replace('r=', 'r=X')],
    ['our own nonce', FIRST.replace('server', '')],
    ['no salt', FIRST.replace(/,s=[^,]*/, '')],
    ['a salt that is no base64', FIRST.replace('s=', 's=*')],
  ])('refuses a server that answers with %s', (_what, text) => {
    expect(() => step(OFFERED, authentication(11, text))).toThrow(
      expect.objectContaining({ code: 'PGHERD_PROTOCOL_ERROR' }),
    );
  });

  it('takes a proof only from a server that knows the password', async () => {
    const { state } = step(OFFERED, CONTINUE);
    if (state.name !== 'deriving') throw new Error(state.name);
    const proof = await prove(state.scram, state.first, 'pencil');
    const salted = pbkdf2Sync('pencil', 'salt', 4096, 32, 'sha256');
    const key = createHmac('sha256', salted).update('Server Key').digest();
    const unproven = `c=biws,r=${state.first.nonce}`;
    const signature = createHmac('sha256', key)
      .update(`n=*,r=${state.scram.nonce},${FIRST},${unproven}`)
      .digest('base64');
    const proving = proved(proof).state;
    expect(step(proving, authentication(12, `v=${signature}`)).state.name).toBe('proven');
    for (const wrong of [
      'v=',
      'v=AAAA',
      `v=${createHash('sha256').update('x').digest('base64')}`,
      'e=other-error',
    ]) {
      expect(() => step(proving, authentication(12, wrong))).toThrow(
        expect.objectContaining({ code: 'PGHERD_SERVER_NOT_PROVEN' }),
      );
    }
  });
});
