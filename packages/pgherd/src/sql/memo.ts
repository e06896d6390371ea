/** At least this many texts are remembered, at most twice as many. */
const REMEMBERED = 1_000;
/** As many texts are remembered as have so many characters together, at most twice as many. */
const MOST_CHARACTERS = 2_000_000;
/** A longer text is read every time instead of being kept in memory, in characters. */
const LONGEST_REMEMBERED = 20_000;

/**
 * A cache of what `make` returns for each SQL text. Entries that were not used recently are dropped, so that
 * pasted values do not pile up.
 */
export class ByText<T> {
  readonly #make: (text: string) => T;
  #recent = new Map<string, T>();
  #earlier = new Map<string, T>();
  /** Sum of the lengths of the recent texts. */
  #characters = 0;

  constructor(make: (text: string) => T) {
    this.#make = make;
  }

  of(text: string): T {
    const known = this.#recent.get(text);
    if (known !== undefined) return known;
    const made = this.#earlier.get(text) ?? this.#make(text);
    if (text.length > LONGEST_REMEMBERED) return made;
    if (this.#recent.size >= REMEMBERED || this.#characters >= MOST_CHARACTERS) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
      this.#characters = 0;
    }
    this.#recent.set(text, made);
    this.#characters += text.length;
    return made;
  }
}
