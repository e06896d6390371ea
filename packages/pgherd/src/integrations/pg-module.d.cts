/**
 * The module `pg` that the program has.
 * @throws what `require` throws: there is none, or, in a bundle that is an ES module, no `require`.
 */
export declare function requirePg(): unknown;
