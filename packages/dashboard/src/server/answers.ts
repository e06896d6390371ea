import { createHash } from 'node:crypto';
import { gzipSync } from 'node:zlib';
import { HEADERS } from './headers.ts';

/** An answer, whatever it is sent with. */
export interface Answer {
  readonly status: number;
  readonly headers: Readonly<Record<string, string>>;
  readonly body: Uint8Array;
}

const encoder = new TextEncoder();

/** A sentence for people, or for what reads the log. */
export function textAnswer(
  status: number,
  text: string,
  headers: Readonly<Record<string, string>> = {},
): Answer {
  return {
    status,
    headers: { ...HEADERS, 'content-type': 'text/plain; charset=utf-8', ...headers },
    body: encoder.encode(text),
  };
}

export function jsonAnswer(value: object): Answer {
  return {
    status: 200,
    headers: { ...HEADERS, 'content-type': 'application/json' },
    body: encoder.encode(JSON.stringify(value)),
  };
}

interface Packed {
  readonly type: string;
  readonly tag: string;
  readonly plain: Uint8Array;
  readonly gzip: Uint8Array;
}

/** The files of the page, compressed once. */
export class Files {
  readonly #packed = new Map<string, Packed>();

  /** A file of the page; the browser asks each time whether its own copy is still the present one. */
  async answer(
    name: string,
    acceptEncoding: string | undefined,
    ifNoneMatch: string | undefined,
  ): Promise<Answer> {
    const packed = await this.#pack(name);
    if (packed === undefined) return textAnswer(404, 'There is no such file.\n');
    const { type, tag, plain, gzip } = packed;
    const headers = { ...HEADERS, 'cache-control': 'no-cache', etag: tag, vary: 'accept-encoding' };
    if (ifNoneMatch === tag) return { status: 304, headers, body: new Uint8Array() };
    const isGzip = /\bgzip\b/.test(acceptEncoding ?? '');
    const coding = isGzip ? { 'content-encoding': 'gzip' } : {};
    return {
      status: 200,
      headers: { ...headers, 'content-type': type, ...coding },
      body: isGzip ? gzip : plain,
    };
  }

  async #pack(name: string): Promise<Packed | undefined> {
    const known = this.#packed.get(name);
    if (known !== undefined) return known;
    // Not before the first page is asked for.
    const { PAGE } = await import('#page');
    const file = Object.hasOwn(PAGE, name) ? PAGE[name as keyof typeof PAGE] : undefined;
    if (file === undefined) return undefined;
    const plain = encoder.encode(file.text);
    const tag = `"${createHash('sha256').update(plain).digest('base64url').slice(0, 22)}"`;
    const packed = { type: file.type, tag, plain, gzip: gzipSync(plain) };
    this.#packed.set(name, packed);
    return packed;
  }
}
