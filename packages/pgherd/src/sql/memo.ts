/** Texts that are remembered, at least; at most twice as many. */
const REMEMBERED = 1_000;
/** A longer text is looked through each time instead of being kept in memory, in characters. */
const LONGEST_REMEMBERED = 20_000;

/** What was made of each text. What was not asked for recently is forgotten, so that pasted values do not pile up. */
export class ByText<T> {
  readonly #make: (text: string) => T;
  #recent = new Map<string, T>();
  #earlier = new Map<string, T>();

  constructor(make: (text: string) => T) {
    this.#make = make;
  }

  of(text: string): T {
    const known = this.#recent.get(text);
    if (known !== undefined) return known;
    const made = this.#earlier.get(text) ?? this.#make(text);
    if (text.length > LONGEST_REMEMBERED) return made;
    if (this.#recent.size >= REMEMBERED) {
      this.#earlier = this.#recent;
      this.#recent = new Map();
    }
    this.#recent.set(text, made);
    return made;
  }
}
