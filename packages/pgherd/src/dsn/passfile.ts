/** The connection whose password is looked up in a password file. */
export interface PasswordKey {
  /** The host as given; the address if there is no host; `localhost` for the default socket directory. */
  readonly host: string;
  readonly port: number;
  readonly database: string;
  readonly user: string;
}

/** One line of a password file, unescaped; `undefined` is the wildcard `*`. */
interface PasswordLine {
  readonly fields: readonly (string | undefined)[];
  readonly password: string;
}

/** The lines of a password file, parsed once for all hosts. */
export type PasswordFile = readonly PasswordLine[];

/**
 * Parses the content of a `.pgpass`: `host:port:database:user:password`, a backslash before a literal `:` or
 * `\`, `*` for anything, `#` starts a comment line. A line with fewer fields matches nothing, as in libpq.
 */
export function parsePassfile(content: string): PasswordFile {
  const lines: PasswordLine[] = [];
  for (const raw of content.split('\n')) {
    const line = raw.endsWith('\r') ? raw.slice(0, -1) : raw;
    if (line === '' || line.startsWith('#')) continue;
    const parsed = parseLine(line);
    if (parsed !== undefined) lines.push(parsed);
  }
  return lines;
}

function parseLine(line: string): PasswordLine | undefined {
  const fields: (string | undefined)[] = [];
  let position = 0;
  while (fields.length < 4) {
    const field = readField(line, position);
    if (!field.ended) return undefined;
    fields.push(field.raw === '*' ? undefined : field.text);
    position = field.end + 1;
  }
  return { fields, password: readField(line, position).text };
}

interface Field {
  readonly text: string;
  readonly raw: string;
  /** Index of the colon, or the length of the line. */
  readonly end: number;
  /** Whether a colon ended it. */
  readonly ended: boolean;
}

function readField(line: string, start: number): Field {
  const characters: string[] = [];
  let position = start;
  for (; position < line.length && line[position] !== ':'; position += 1) {
    if (line[position] === '\\' && position + 1 < line.length) position += 1;
    characters.push(line.charAt(position));
  }
  return {
    text: characters.join(''),
    raw: line.slice(start, position),
    end: position,
    ended: line[position] === ':',
  };
}

/** The password of the first line that matches, or `undefined`. An empty password counts as none. */
export function findPassword(file: PasswordFile, key: PasswordKey): string | undefined {
  const wanted = [key.host, String(key.port), key.database, key.user];
  const line = file.find(({ fields }) =>
    fields.every((field, index) => field === undefined || field === wanted[index]),
  );
  return line === undefined || line.password === '' ? undefined : line.password;
}
