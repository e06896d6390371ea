import type { ServerResponse } from 'node:http';

type Gated = 'writeHead' | 'write' | 'end' | 'flushHeaders';
type Method = (...args: unknown[]) => unknown;

/**
 * Holds back a response from its first byte until `before` has resolved, so that it can still set headers. What the program does to the
 * response meanwhile is done afterwards, in the same order; for the program, the headers are sent.
 */
export function holdResponse(response: ServerResponse, before: () => Promise<void>): void {
  const held: (() => unknown)[] = [];
  let state: 'waiting' | 'opening' | 'open' = 'waiting';
  let owesDrain = false;

  const open = (): void => {
    state = 'open';
    Reflect.deleteProperty(response, 'headersSent');
    try {
      const results = held.splice(0).map((act) => act());
      if (owesDrain && results.at(-1) !== false && !response.writableEnded) response.emit('drain');
    } catch (error) {
      // The program that would have caught it has gone on.
      response.destroy(error instanceof Error ? error : undefined);
    }
  };
  const hold = (act: () => unknown): void => {
    held.push(act);
    if (state !== 'waiting') return;
    state = 'opening';
    Object.defineProperty(response, 'headersSent', { configurable: true, get: () => true });
    void before().then(open, open);
  };
  const gate = (name: Gated, held: (original: Method, args: unknown[]) => unknown): void => {
    const original = response[name] as Method;
    const gated = (...args: unknown[]): unknown =>
      state === 'open' ? Reflect.apply(original, response, args) : held(original, args);
    Object.defineProperty(response, name, { configurable: true, writable: true, value: gated });
  };

  gate('writeHead', (original, args) => {
    const rest = withoutHeaders(response, args);
    hold(() => Reflect.apply(original, response, rest));
    return response;
  });
  gate('write', (original, args) => {
    owesDrain = true;
    hold(() => Reflect.apply(original, response, args));
    return false;
  });
  for (const name of ['end', 'flushHeaders'] as const) {
    gate(name, (original, args) => {
      hold(() => Reflect.apply(original, response, args));
      return name === 'end' ? response : undefined;
    });
  }
}

/** Headers given to `writeHead` would replace those that are set meanwhile, such as another cookie: they are set now. */
function withoutHeaders(response: ServerResponse, args: readonly unknown[]): unknown[] {
  const headers = args.at(-1);
  if (typeof headers !== 'object' || headers === null) return [...args];
  if (Array.isArray(headers)) {
    const flat: unknown[] = headers.flat();
    const names = flat.filter((_, index) => index % 2 === 0).map(String);
    for (const name of names) response.removeHeader(name);
    names.forEach((name, index) => {
      response.appendHeader(name, String(flat[2 * index + 1]));
    });
  } else {
    for (const [name, value] of Object.entries(headers))
      if (value !== undefined) response.setHeader(name, value);
  }
  return args.slice(0, -1);
}
