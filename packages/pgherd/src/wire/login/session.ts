import type { Socket } from 'node:net';
import { onAbort } from '../../time/wait.ts';
import {
  AUTHENTICATION,
  BACKEND_KEY_DATA,
  ERROR_RESPONSE,
  NEGOTIATE_PROTOCOL_VERSION,
  NOTICE_RESPONSE,
  PARAMETER_STATUS,
  READY_FOR_QUERY,
} from '../content/codes.ts';
import { Cutter } from '../content/cutter.ts';
import { protocolError } from '../content/reader.ts';
import { ASKED, type LoginEffect, type LoginState, type LoginTerms, loginStep, proved } from './login.ts';
import { prove } from './scram.ts';

/** Most notices before a login ends. */
const MAX_NOTICES = 100;
/** Most parameters that a server reports, and most bytes of them. */
const MAX_PARAMETERS = 64;
const MAX_PARAMETER_BYTES = 16_384;
const PASSWORD_MESSAGE = 0x70;

/** Longest bodies before a login has ended, bytes; libpq's for authentication and errors. */
const LIMITS: Readonly<Record<number, number>> = Object.freeze({
  [AUTHENTICATION]: 2_000,
  [BACKEND_KEY_DATA]: 260,
  [ERROR_RESPONSE]: 30_000,
  [NEGOTIATE_PROTOCOL_VERSION]: 30_000,
  [NOTICE_RESPONSE]: 30_000,
  [PARAMETER_STATUS]: MAX_PARAMETER_BYTES,
  [READY_FOR_QUERY]: 1,
});

/** What a login brought. */
export interface LoggedIn {
  readonly parameters: Map<string, string>;
  readonly processId: number | undefined;
  readonly secretKey: Buffer | undefined;
  /** Goes on with what comes; whatever came behind ReadyForQuery is in it. */
  readonly cutter: Cutter;
}

/** What a login reports on its way. */
export interface LoginListener {
  parameter(name: string, value: string): void;
  notice(bytes: Buffer, start: number, end: number): void;
}

/**
 * Logs in over an open socket, which it leaves paused and without listeners of its own. An abort rejects with the signal's reason; the
 * caller destroys the socket.
 * @throws as `loginStep` of `./login.ts`, or the socket's error.
 */
export function logIn(
  socket: Socket,
  startup: Buffer,
  terms: LoginTerms,
  listener: LoginListener,
  signal: AbortSignal,
): Promise<LoggedIn> {
  return new Promise((resolve, reject) => {
    new Login(socket, terms, listener, { resolve, reject }).begin(startup, signal);
  });
}

interface Ends {
  readonly resolve: (loggedIn: LoggedIn) => void;
  readonly reject: (error: unknown) => void;
}

/** The shell around the login automaton: it performs what each step asks for. */
class Login {
  readonly #socket: Socket;
  readonly #terms: LoginTerms;
  readonly #listener: LoginListener;
  readonly #ends: Ends;
  readonly #cutter: Cutter;
  readonly #parameters = new Map<string, string>();
  #key: { readonly processId: number; readonly secretKey: Buffer } | undefined;
  #state: LoginState = ASKED;
  #notices = 0;
  #parameterBytes = 0;
  #forget = (): void => undefined;

  constructor(socket: Socket, terms: LoginTerms, listener: LoginListener, ends: Ends) {
    this.#socket = socket;
    this.#terms = terms;
    this.#listener = listener;
    this.#ends = ends;
    this.#cutter = new Cutter(
      (type, bytes, start, end) => this.#take(type, bytes, start, end),
      (type) => LIMITS[type] ?? 0,
    );
  }

  begin(startup: Buffer, signal: AbortSignal): void {
    const socket = this.#socket;
    socket.on('data', this.#onData).on('error', this.#fail);
    socket.on('close', this.#onEnd).on('end', this.#onEnd);
    this.#forget = onAbort(signal, () => this.#fail(signal.reason));
    if (!signal.aborted) socket.write(startup);
  }

  readonly #onData = (chunk: Buffer): void => this.#attempt(() => this.#cutter.read(chunk));
  readonly #onEnd = (): void => this.#fail(new Error('Connection terminated unexpectedly'));
  readonly #fail = (error: unknown): void => {
    this.#leave();
    this.#ends.reject(error);
  };

  #leave(): void {
    this.#forget();
    this.#socket.off('data', this.#onData).off('error', this.#fail);
    this.#socket.off('close', this.#onEnd).off('end', this.#onEnd);
  }

  #attempt(work: () => void): void {
    try {
      work();
    } catch (error) {
      this.#fail(error);
    }
  }

  #take(type: number, bytes: Buffer, start: number, end: number): boolean {
    if (type === NOTICE_RESPONSE) {
      this.#notices++;
      if (this.#notices > MAX_NOTICES)
        throw protocolError(`more than ${MAX_NOTICES} notices came before the login had ended`);
      this.#listener.notice(bytes, start, end);
    }
    const step = loginStep(this.#state, type, { bytes, start, end }, this.#terms);
    this.#state = step.state;
    this.#perform(step.effect);
    if (this.#state.name !== 'ready') return this.#state.name !== 'deriving';
    // What comes behind belongs to the connection, which does not exist yet.
    this.#socket.pause();
    this.#leave();
    const { processId, secretKey } = this.#key ?? {};
    this.#ends.resolve({ parameters: this.#parameters, processId, secretKey, cutter: this.#cutter });
    return false;
  }

  #perform(effect: LoginEffect): void {
    switch (effect.kind) {
      case 'none':
        return;
      case 'send':
        this.#socket.write(passwordMessage(effect.body));
        return;
      case 'derive':
        this.#derive();
        return;
      case 'parameter':
        this.#parameter(effect.name, effect.value);
        return;
      case 'key':
        this.#key = effect;
        return;
      default:
        effect satisfies never;
    }
  }

  #parameter(name: string, value: string): void {
    this.#parameterBytes += name.length + value.length;
    this.#parameters.set(name, value);
    if (this.#parameters.size > MAX_PARAMETERS || this.#parameterBytes > MAX_PARAMETER_BYTES) {
      throw protocolError(
        `it reports more than ${MAX_PARAMETERS} parameters, or more than ${MAX_PARAMETER_BYTES} bytes of them`,
      );
    }
    this.#listener.parameter(name, value);
  }

  #derive(): void {
    if (this.#state.name !== 'deriving') return;
    const { scram, first } = this.#state;
    // Nothing may come before our proof is out.
    this.#socket.pause();
    prove(scram, first, this.#terms.password?.reveal() ?? '').then((proof) => {
      if (this.#state.name !== 'deriving' || this.#socket.destroyed) return;
      this.#attempt(() => {
        const step = proved(proof);
        this.#state = step.state;
        this.#perform(step.effect);
        this.#socket.resume();
        this.#cutter.goOn();
      });
    }, this.#fail);
  }
}

function passwordMessage(body: Buffer): Buffer {
  const head = Buffer.alloc(5);
  head[0] = PASSWORD_MESSAGE;
  head.writeInt32BE(body.length + 4, 1);
  return Buffer.concat([head, body]);
}
