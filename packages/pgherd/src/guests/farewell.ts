import type { Clock } from '../time/port.ts';
import type { Facade } from './facade.ts';
import { CHALLENGE } from './startup.ts';

/** postgres.js collects what it writes; a piece of this many bytes is written at once, in the midst of its own work. */
const AT_ONCE_BYTES = 1_024;
/** Time that postgres.js has to answer before the connection closes all the same, milliseconds. */
const ANSWER_MS = 50;

/**
 * Tells postgres.js that a connection has ended, in two steps: first the error, which fails what was sent; then "close", after which
 * it forgets the socket.
 *
 * postgres.js collects what it wants to write and writes it in the next turn. If the socket closes in between, it writes to `null`
 * and ends the process, or never writes on the next connection (its issues 1066, 1154 and 1208). So the close must come while nothing
 * is collected, which is when it has just written: it is asked for a password, which it answers in any state, and the socket closes
 * in the midst of that write. What it writes here goes nowhere.
 */
export function dieInTwoSteps(clock: Clock, facade: Facade, error: Error): void {
  if (facade.listenerCount('error') === 0) {
    facade.destroy();
    return;
  }
  let mayClose = false;
  const close = (): void => {
    if (!mayClose) return;
    mayClose = false;
    timer.cancel();
    facade.emit('close', false);
    facade.destroy();
  };
  const write = (chunk: Uint8Array | string, ...others: readonly unknown[]): boolean => {
    const done = others.at(-1);
    if (typeof done === 'function') process.nextTick(done as () => void);
    if (!mayClose) return true;
    if (chunk.length < AT_ONCE_BYTES) close();
    else facade.push(CHALLENGE);
    return true;
  };
  facade.write = write as Facade['write'];
  const timer = clock.schedule(ANSWER_MS, close);
  facade.emit('error', error);
  mayClose = true;
  facade.push(CHALLENGE);
}
