/** What a promise was rejected with; a promise that resolves is a failure. */
export async function rejection(work: Promise<unknown>): Promise<unknown> {
  let value: unknown;
  try {
    value = await work;
  } catch (error) {
    return error;
  }
  throw new Error(`expected a rejection, but got ${String(value)}`);
}

/** What the error of a statement says that the driver did not send, because the connection was gone. */
export const NOT_SENT = Object.freeze({ code: 'PGHERD_CONNECTION_LOST', details: { phase: 'not-handed' } });

/** What the error of a statement says that stood behind one which a FATAL answered. */
export const BEHIND_FATAL = Object.freeze({
  code: 'PGHERD_CONNECTION_LOST',
  details: { phase: 'behind-fatal' },
});
