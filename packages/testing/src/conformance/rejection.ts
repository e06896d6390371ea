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
