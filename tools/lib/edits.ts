interface Edit {
  readonly start: number;
  readonly end: number;
  readonly text: () => string;
}

/** Changes to a text, of which one may contain others. */
export class Edits {
  readonly #code: string;
  readonly #edits: Edit[] = [];

  constructor(code: string) {
    this.#code = code;
  }

  replace(start: number, end: number, text: () => string): void {
    this.#edits.push({ start, end, text });
  }

  /** The text from `start` to `end` with the changes inside; a change of all of it does not count. */
  within(start: number, end: number): string {
    const isInside = (edit: Edit) => edit.start >= start && edit.end <= end;
    const isWhole = (edit: Edit) => edit.start === start && edit.end === end;
    const inside = this.#edits
      .filter((edit) => isInside(edit) && !isWhole(edit))
      .sort((one, other) => one.start - other.start || order(one) - order(other) || other.end - one.end);
    const parts: string[] = [];
    let at = start;
    for (const edit of inside) {
      if (edit.start < at) continue;
      parts.push(this.#code.slice(at, edit.start), edit.text());
      at = edit.end;
    }
    return parts.join('') + this.#code.slice(at, end);
  }
}

/** What is put in comes before what is replaced there. */
function order({ start, end }: Edit): number {
  return start === end ? 0 : 1;
}
