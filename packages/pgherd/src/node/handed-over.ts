/**
 * Statements that were handed to a connection and are not answered yet. If their caller stops waiting they
 * are abandoned: they are being ended then, and nothing else may be handed over before that has settled.
 */
export class HandedOver {
  #count = 0;
  #answer: Promise<unknown> | undefined;
  #text: string | undefined;
  #abandoning: Promise<void> | undefined;

  /** Number of statements that are not answered; they are answered in their order. */
  get count(): number {
    return this.#count;
  }

  /** Settles with the answer to the last of them; `undefined` if there is none. */
  get answer(): Promise<unknown> | undefined {
    return this.#answer;
  }

  /** SQL of the last of them; `undefined` if it has none. */
  get text(): string | undefined {
    return this.#text;
  }

  /** Settles when what was abandoned has ended; `undefined` unless something is being ended. */
  get abandoning(): Promise<void> | undefined {
    return this.#abandoning;
  }

  add(answer: Promise<unknown>, text: string | undefined): void {
    this.#count++;
    this.#answer = answer;
    this.#text = text;
  }

  /** One of the statements was answered. What is abandoned is counted until its end has settled. */
  answered(): void {
    if (this.#abandoning !== undefined) return;
    if (this.#count > 0) this.#count--;
    if (this.#count === 0) this.#forget();
  }

  /** The caller stopped waiting: what runs is being ended, until `settled`. */
  beginAbandoning(settled: Promise<void>): void {
    this.#abandoning = settled;
  }

  /** Nothing that was handed over runs any more. */
  endAbandoning(): void {
    this.#abandoning = undefined;
    this.#count = 0;
    this.#forget();
  }

  #forget(): void {
    // A result must not stay in memory for as long as the connection is idle.
    this.#answer = undefined;
    this.#text = undefined;
  }
}
