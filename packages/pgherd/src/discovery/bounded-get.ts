import { type ClientRequest, get, type IncomingMessage, type RequestOptions } from 'node:http';
import { get as getByTls } from 'node:https';
import type { SecureContextOptions } from 'node:tls';
import { onAbort } from '../time/wait.ts';

/** Largest answer that is read, bytes: a list of a thousand nodes has a third of that. */
export const MAX_ANSWER_BYTES = 1_048_576;

/** One HTTP request. */
export interface Question {
  readonly url: URL;
  readonly headers: Readonly<Record<string, string>>;
  /** TLS options, for `https:`. */
  readonly tls: SecureContextOptions & {
    readonly rejectUnauthorized?: boolean;
    readonly servername?: string;
  };
}

/**
 * The body of a response with status 200. All others are errors: other statuses (a redirect would take the
 * credentials elsewhere), a body above {@link MAX_ANSWER_BYTES}, a truncated body. The connection is used
 * once and is closed when the promise settles; it does not keep the process alive.
 */
export function boundedGet({ url, headers, tls }: Question, signal: AbortSignal): Promise<string> {
  return new Promise((resolve, reject) => {
    // `agent: false`: an agent of its own, so that no idle socket outlives the request.
    const options: RequestOptions = { agent: false, headers: { accept: 'application/json', ...headers } };
    const answered = (response: IncomingMessage) => void bodyOf(response).then(done, fail);
    const request: ClientRequest =
      url.protocol === 'https:'
        ? getByTls(url, { ...options, ...tls }, answered)
        : get(url, options, answered);
    let forget = () => {};
    const settle = () => {
      forget();
      request.destroy();
    };
    const done = (text: string) => {
      settle();
      resolve(text);
    };
    const fail = (error: unknown) => {
      settle();
      reject(error);
    };
    request.on('socket', (socket) => socket.unref());
    request.on('error', fail);
    forget = onAbort(signal, () => fail(signal.reason));
  });
}

async function bodyOf(response: IncomingMessage): Promise<string> {
  const { statusCode = 0 } = response;
  if (statusCode >= 300 && statusCode < 400)
    throw new Error(`answered ${statusCode}, a redirect, which is not followed`);
  if (statusCode !== 200) throw new Error(`answered ${statusCode} instead of 200`);
  const pieces: Buffer[] = [];
  let bytes = 0;
  for await (const piece of response as AsyncIterable<Buffer>) {
    bytes += piece.length;
    if (bytes > MAX_ANSWER_BYTES) throw new Error(`answered more than ${MAX_ANSWER_BYTES} bytes`);
    pieces.push(piece);
  }
  return Buffer.concat(pieces).toString('utf8');
}
