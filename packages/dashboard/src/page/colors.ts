/** Number of colours that the style has for nodes: `--node-0` and so on. */
const COLORS = 8;

/** The colour of each node, the same in every plot and on its card: in the order in which nodes were first seen. */
export class NodeColors {
  readonly #indexes = new Map<string, number>();

  indexOf(node: string): number {
    const known = this.#indexes.get(node);
    if (known !== undefined) return known;
    const index = this.#indexes.size % COLORS;
    this.#indexes.set(node, index);
    return index;
  }
}

/** A colour of the style, as it is now. */
export function styleColor(name: string): string {
  return getComputedStyle(document.documentElement).getPropertyValue(name).trim();
}
