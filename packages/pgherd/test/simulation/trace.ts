/** What happened, line by line, and a hash over it: two runs of one seed must have the same. */
export class Trace {
  readonly #lines: string[] = [];
  readonly #now: () => number;
  #hash = 0x811c9dc5;

  constructor(now: () => number) {
    this.#now = now;
  }

  get lines(): readonly string[] {
    return this.#lines;
  }

  /** FNV-1a over all lines. */
  get hash(): string {
    return (this.#hash >>> 0).toString(16).padStart(8, '0');
  }

  note(text: string): void {
    const line = `${this.#now().toFixed(3).padStart(10)} ${text}`;
    this.#lines.push(line);
    let hash = this.#hash;
    for (let at = 0; at < line.length; at++) hash = Math.imul(hash ^ line.charCodeAt(at), 0x01000193);
    this.#hash = hash;
  }
}
