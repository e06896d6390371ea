/** The parsers that `pg-types` begins with; the package has no types for this module. */
declare module 'pg-types/lib/textParsers.js' {
  const textParsers: {
    init(register: (oid: number, parse: (text: string) => unknown) => void): void;
  };
  export = textParsers;
}
