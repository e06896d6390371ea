import type { DriverCopyIn, DriverCopyOut, DriverCursor } from '../connection/port.ts';

/** The transaction around work that needs settings, or that must not write. */
export interface Bracket {
  begin(): Promise<void>;
  commit(): Promise<void>;
  /** Never rejects. */
  rollBack(): Promise<void>;
  /** Translates an error that came through the pooler. */
  translate(error: unknown): unknown;
}

type Part = Awaited<ReturnType<DriverCursor['read']>>;

/** A cursor in a transaction of its own, which begins with the first part and ends with the last. */
export class PoolerCursor implements DriverCursor {
  readonly exclusive = true;
  readonly #open: () => DriverCursor;
  readonly #bracket: () => Bracket;
  #inner: DriverCursor | undefined;
  #around: Bracket | undefined;

  constructor(open: () => DriverCursor, bracket: () => Bracket) {
    this.#open = open;
    this.#bracket = bracket;
  }

  get fields(): DriverCursor['fields'] {
    return this.#inner?.fields ?? [];
  }

  async read(count: number): Promise<Part> {
    const around = this.#around ?? (await this.#begin());
    try {
      this.#inner ??= this.#open();
      const part = await this.#inner.read(count);
      if (part.done) await this.#end((bracket) => bracket.commit());
      return part;
    } catch (error) {
      await this.#end((bracket) => bracket.rollBack());
      throw around.translate(error);
    }
  }

  async close(): Promise<void> {
    await this.#inner?.close();
    await this.#end((bracket) => bracket.commit()).catch(() => undefined);
  }

  async #begin(): Promise<Bracket> {
    const around = this.#bracket();
    await around.begin();
    this.#around = around;
    return around;
  }

  /** Ends the transaction, once. */
  async #end(how: (bracket: Bracket) => Promise<void>): Promise<void> {
    const around = this.#around;
    if (around === undefined) return;
    this.#around = SETTLED;
    await how(around);
  }
}

const NOTHING = async (): Promise<void> => undefined;
/** The bracket of work that is inside a transaction already, or needs none. */
export const SETTLED: Bracket = Object.freeze({
  begin: NOTHING,
  commit: NOTHING,
  rollBack: NOTHING,
  translate: (error: unknown) => error,
});

/** Starts work inside the bracket. */
export async function started<T>(around: Bracket, start: () => Promise<T>): Promise<T> {
  await around.begin();
  try {
    return await start();
  } catch (error) {
    await around.rollBack();
    throw around.translate(error);
  }
}

/** A COPY to the server, whose transaction ends with it. */
export function poolerCopyIn(inner: DriverCopyIn, around: Bracket): DriverCopyIn {
  const result = ended(inner.result, around);
  return {
    result,
    write: (chunk) => inner.write(chunk),
    end: () => {
      inner.end().catch(() => undefined);
      return result;
    },
    fail: async (reason) => {
      await inner.fail(reason);
      await result.catch(() => undefined);
    },
  };
}

/** A COPY from the server, whose transaction ends with it. */
export function poolerCopyOut(inner: DriverCopyOut, around: Bracket): DriverCopyOut {
  const result = ended(inner.result, around);
  return {
    result,
    read: async () => {
      const piece = await inner.read();
      if (piece === undefined) await result;
      return piece;
    },
    drain: async () => {
      await inner.drain();
      await result.catch(() => undefined);
    },
  };
}

async function ended<T>(work: Promise<T>, around: Bracket): Promise<T> {
  try {
    const result = await work;
    await around.commit();
    return result;
  } catch (error) {
    await around.rollBack();
    throw around.translate(error);
  }
}
