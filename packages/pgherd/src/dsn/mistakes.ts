/**
 * Texts that were meant to become a connection string and did not: what each is, and the remedy. No part of a text is ever shown, since
 * any part may be a password.
 */

const URI = 'postgres://user:password@host:port/database';

/** Parts of a URI whose text is this were made of a value that was missing. Encoding one letter gives a real name. */
const MISSING = /(?:\/\/|[:@,/])(?:undefined|null|\[object Object\])(?=[:@,/?]|$)/;
/** The same in keywords. */
const MISSING_VALUE =
  /(?:^|\s)(?:host|hostaddr|port|user|password|dbname)\s*=\s*(?:undefined|\[object)(?=\s|$)/;
/** `${NAME}`, `{{ name }}`: what a template engine or a shell would have replaced. A lone `$` or `{` may be part of a password. */
const PLACEHOLDER = /\$\{\w+\}|\{\{ ?[\w.]+ ?\}\}/;
/** A whole text that is a name to be replaced, or the code that would read it. */
const NAME_ALONE =
  /^(?:\$\w+|%\w+%|<[\w -]+>|[A-Z][A-Z0-9_]*|(?:process\.|import\.meta\.)?env[.[(]["']?\w+["']?[\])]?)$/;

const NEWLINE = /[\t\n\v\f\r]/;

/** What is certainly wrong in a URI, although libpq might accept it; `undefined` for nothing. */
export function mistakeInUri(text: string): string | undefined {
  if (NEWLINE.test(text.slice(-1)))
    return 'The connection string ends in a line break (or a tabulator), which would be part of its last value. Remove it, as trim() does.';
  if (text.endsWith('\\n'))
    return 'The connection string ends in a backslash and an n, which was meant as a line break. Remove both characters.';
  if (PLACEHOLDER.test(text))
    return 'The connection string contains a placeholder such as $NAME in braces that nothing has replaced. Look at what fills it in. (A real "$" is written %24, a "{" %7B.)';
  // Up to the parameters: in their values the words may be meant.
  const end = text.indexOf('?');
  if (MISSING.test(end < 0 ? text : text.slice(0, end)))
    return 'A part of the connection string is the word undefined (or null, or [object Object]): it was made of a variable that had no value. Check the variables that it is made of.';
  return slashInPassword(text)
    ? 'The database name contains "@" and "/", and no user is named: mostly this is a password with a "/" in it. Write "/" in a password as %2F, and "@" in a database name as %40.'
    : undefined;
}

/** `//user:12/34@host/db`: to libpq, `user` is the host and `12` its port. */
function slashInPassword(text: string): boolean {
  const start = text.indexOf('//') + 2;
  const slash = text.indexOf('/', start);
  const at = text.indexOf('@', start);
  if (slash < 0 || at < slash || !/:\d{1,4}$/.test(text.slice(Math.max(start, slash - 5), slash)))
    return false;
  const end = text.indexOf('?', slash);
  return (end < 0 || at < end) && text.indexOf('/', at) > 0;
}

/** The same for keywords. */
export function mistakeInKeywords(text: string): string | undefined {
  // libpq would take all of it for the name of the host, and the error of the resolver would show the password.
  if (SEMICOLONS.test(text)) return ADO_NET;
  if (!MISSING_VALUE.test(text)) return undefined;
  return "A value of the connection string is the word undefined (or [object Object]): it was made of a variable that had no value. Check the variables that it is made of. (A real name of this kind is put in '…'.)";
}

const SEMICOLONS = /^\s*\w+\s*=\s*[^\s';]*;\s*\w[\w ]*=/;
const ADO_NET = `This is a connection string of ADO.NET (Npgsql): its parts end in semicolons. Put blanks in their place and use libpq's names (host, port, user, password, dbname, target_session_attrs), or write ${URI}.`;

/** A kind of text: how it is recognised, and what is said of it. */
type Kind = readonly [looks: RegExp, said: string];

const ORIGINAL = `Write ${URI}.`;

const KINDS: readonly Kind[] = [
  [
    /^["'`\u2018-\u201d]/,
    'The connection string begins with a quotation mark. Remove the quotation marks around it: where no shell or .env parser reads the value, they are part of it.',
  ],
  [/^\s+postgres(?:ql)?:\/\//, 'There are blanks before the connection string. Remove them, as trim() does.'],
  [
    /^(?:export\s+)?[A-Z][A-Z0-9_]*\s*=\s*["']?\w+:\/\//,
    'The connection string begins with the name of a variable, as a line of a .env file does. Give only what follows the "=".',
  ],
  [/^psql\s/, 'The connection string is a command for the shell: it begins with psql. Give only the URI.'],
  [
    /^jdbc:postgresql:/,
    'This is a JDBC URL (pgjdbc). Remove "jdbc:", and move the parameters user and password to the front: postgres://user:password@host:port/database.',
  ],
  [/^r2dbc:/, `This is an R2DBC URL. ${ORIGINAL}`],
  [
    /^postgres(?:ql)?\+\w+:/i,
    'This is a URL of SQLAlchemy: the "+" and the name of a driver follow the scheme. Remove both: the scheme is postgres://.',
  ],
  [
    /^(?:mysql|mariadb|mysqlx|mysql2|mssql|sqlserver|oracle|mongodb|mongodb\+srv|redis|rediss|sqlite|clickhouse|libsql|amqp|amqps|kafka|snowflake)(?:\+\w+)?:/i,
    'This is the URL of another kind of server. pgherd speaks with PostgreSQL only: the scheme is postgres://.',
  ],
  [
    /^prisma(?:\+postgres)?:/i,
    'This is a URL of Prisma Accelerate, which only the client of Prisma can use. Give the URL of the database itself, which begins with postgres://.',
  ],
  [
    /^(?:https?|wss?):/i,
    'This is the address of a web service, such as a console or a REST API, not of the database. The URL of the database begins with postgres://.',
  ],
  [/^file:/i, 'This is the path of a file. The URL of the database begins with postgres://.'],
  [
    /^(?:socket|unix):/i,
    'This is the socket form of node-postgres. Name the directory of the Unix socket as the host: postgres:///database?host=/var/run/postgresql.',
  ],
  [
    /^pgsql:\w+=/i,
    'This is a DSN of PHP\'s PDO. Remove "pgsql:" and put blanks in the place of the semicolons.',
  ],
  [
    /^(?:pg|pgsql|postgis|postgre|psql|cockroachdb|cockroach|yugabytedb|yugabyte|redshift|timescale|neon|supabase|tcp|postgres|postgresql|gaussdb|greenplum):\/\//i,
    'The scheme of the connection string must be postgres:// or postgresql://, in small letters.',
  ],
  [/^postgres(?:ql)?[:/]/i, 'After postgres or postgresql follow exactly "://".'],
  [
    PLACEHOLDER,
    'The connection string is a placeholder, such as $NAME in braces, that nothing has replaced. Look at what fills it in.',
  ],
  [
    NAME_ALONE,
    'The connection string is the name of a variable instead of its value. Look at what fills it in.',
  ],
  [
    /^(?:undefined|null|NaN|true|false|\[object \w+\])$/,
    'The connection string is the word for a missing value. Check the variable that it was made of.',
  ],
  [/^(?:driver|dsn)=\{?/i, `This is a connection string of ODBC. ${ORIGINAL}`],
  [/^[\w ]+=[^;]*;/, ADO_NET],
  [/^\{/, 'The connection string is JSON. Give the URI that stands in it.'],
  [
    /^[a-z][\w+.-]*:\/\//i,
    'The scheme of the connection string is unknown. It must be postgres:// or postgresql://.',
  ],
  [/^[^=?]*@/, 'The connection string has no scheme. Write postgres:// before it.'],
  [
    /^(?:localhost|[\w-]*[.,:[\]][\w.,:[\]-]*)(?:\/\w*)?(?:\?.*)?$/,
    `This looks like a host. Write ${URI}, or host=….`,
  ],
];

/** What a text is that is neither a URI nor libpq's keywords; `undefined` if nothing is known of it. */
export function whatElse(text: string): string | undefined {
  return KINDS.find(([looks]) => looks.test(text))?.[1];
}
