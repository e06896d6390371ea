/** The write that every client does: the answer names the server that executed it. */
export const WRITE = 'insert into bench_write (id) values ($1) returning inet_server_port() as port';

/** A client under test. */
export interface BenchClient {
  /** What it is, with the versions of its parts. */
  readonly version?: string;
  /** Writes a row; resolves with the port of the server that acknowledged it. */
  write(id: number): Promise<number>;
  /**
   * Whether writes may go to the node of this place in the URL, as the client sees it now. Absent where a
   * client has no picture that could be asked.
   */
  offers?(index: number): Promise<boolean>;
  /** Lets go of everything, at once if need be. */
  close(): Promise<void>;
}

/** The port in the answer to {@link WRITE}. */
export function portOf(rows: readonly Readonly<Record<string, unknown>>[]): number {
  return Number(rows[0]?.['port']);
}
