/** The name of a function or a relation as a text has it. */
export interface QualifiedName {
  /** `undefined` if the search path decides. */
  readonly schema: string | undefined;
  readonly name: string;
}

/** What the tree of a statement says by itself. */
export type Finding =
  | { readonly kind: 'primary'; readonly why: string }
  | { readonly kind: 'read'; readonly uses: Uses };

/** What a statement that seems to read uses, which may do more than that. */
export interface Uses {
  readonly functions: readonly QualifiedName[];
  readonly relations: readonly QualifiedName[];
  /** Names of common table expressions, which relations may have as well. */
  readonly ctes: ReadonlySet<string>;
  readonly operators: ReadonlySet<string>;
  /** Types that something is cast to. */
  readonly types: ReadonlySet<string>;
  /** Names behind a point, which may call a function of a row. */
  readonly columns: ReadonlySet<string>;
  /** Settings that are read; `undefined` among them for one whose name is not in the text. */
  readonly settings: readonly (string | undefined)[];
}

/** A finding for the primary. */
export function primaryBecause(why: string): Finding {
  return Object.freeze({ kind: 'primary', why });
}

/** Whether it takes more than the text to know what a statement does. */
export function dependsOnCatalog({ functions, relations, operators, types, columns }: Uses): boolean {
  const sizes = [functions.length, relations.length, operators.size, types.size, columns.size];
  return sizes.some((size) => size > 0);
}
