import { expect, it } from 'vitest';
import { planConnection } from '../../src/dsn/index.ts';
import { InvalidDsnError } from '../../src/model/errors.ts';

const SECRET = 'hunter2';

/** What was given in the place of a connection string, and what must be said of it. */
const MISTAKES: readonly (readonly [given: string, ...must: string[]])[] = [
  [`"postgres://app:${SECRET}@db1/app"`, 'quotation mark'],
  [`'postgres://app:${SECRET}@db1/app'`, 'quotation mark'],
  [`\`postgres://app:${SECRET}@db1/app\``, 'quotation mark'],
  [`\u201cpostgres://app:${SECRET}@db1/app\u201d`, 'quotation mark'],
  [` postgres://app:${SECRET}@db1/app`, 'blanks before'],
  [`\npostgresql://app:${SECRET}@db1/app`, 'blanks before'],
  [`postgres://app:${SECRET}@db1/app\n`, 'ends in a line break', 'trim()'],
  [`postgres://app:${SECRET}@db1/app\r\n`, 'ends in a line break'],
  [`postgres://app:${SECRET}@db1\t`, 'ends in a line break (or a tabulator)'],
  [`postgres://app:${SECRET}@db1/app\\n`, 'a backslash and an n'],
  [`DATABASE_URL=postgres://app:${SECRET}@db1/app`, 'name of a variable', 'what follows the "="'],
  [`export PG_URL="postgres://app:${SECRET}@db1/app"`, 'name of a variable'],
  [`psql 'postgres://app:${SECRET}@db1/app'`, 'begins with psql'],
  [`jdbc:postgresql://db1,db2/app?user=app&password=${SECRET}`, 'JDBC', 'Remove "jdbc:"'],
  [`r2dbc:postgresql://app:${SECRET}@db1/app`, 'R2DBC'],
  [`postgresql+asyncpg://app:${SECRET}@db1/app`, 'SQLAlchemy', 'postgres://'],
  [`postgres+psycopg2://app:${SECRET}@db1/app`, 'SQLAlchemy'],
  [`mysql://app:${SECRET}@db1/app`, 'another kind of server'],
  [`mysql+pymysql://app:${SECRET}@db1/app`, 'another kind of server'],
  [`mongodb+srv://app:${SECRET}@db1/app`, 'another kind of server'],
  ['sqlite:./app.db', 'another kind of server'],
  [`http://app:${SECRET}@db1:5432/app`, 'web service'],
  [`https://console.example.com/${SECRET}`, 'web service'],
  [`prisma://db1/?api_key=${SECRET}`, 'Prisma Accelerate'],
  [`prisma+postgres://db1/?api_key=${SECRET}`, 'Prisma Accelerate'],
  ['file:./dev.db', 'path of a file'],
  ['socket:/var/run/postgresql?db=app', 'socket form of node-postgres', '///database?host='],
  [`pgsql:host=db1;dbname=app;password=${SECRET}`, 'PDO'],
  [`pg://app:${SECRET}@db1/app`, 'must be postgres:// or postgresql://'],
  [`psql://app:${SECRET}@db1/app`, 'must be postgres:// or postgresql://'],
  [`POSTGRES://app:${SECRET}@db1/app`, 'in small letters'],
  [`cockroachdb://app:${SECRET}@db1/app`, 'must be postgres:// or postgresql://'],
  [`postgres:/app:${SECRET}@db1/app`, 'follow exactly "://"'],
  [`postgres:app:${SECRET}@db1/app`, 'follow exactly "://"'],
  [`postgresql//app:${SECRET}@db1/app`, 'follow exactly "://"'],
  [`gopher://app:${SECRET}@db1/app`, 'scheme of the connection string is unknown'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is the mistake.
  ['${DATABASE_URL}', 'placeholder'],
  ['{{ database_url }}', 'placeholder'],
  // biome-ignore lint/suspicious/noTemplateCurlyInString: that is the mistake.
  ['postgres://${DB_USER}:${DB_PASS}@db1/app', 'contains a placeholder', '%24'],
  ['postgres://app:x@{{ host }}/app', 'contains a placeholder'],
  ['$DATABASE_URL', 'name of a variable instead of its value'],
  ['%DATABASE_URL%', 'name of a variable instead of its value'],
  ['<your connection string>', 'name of a variable instead of its value'],
  ['DATABASE_URL', 'name of a variable instead of its value'],
  ['process.env.DATABASE_URL', 'name of a variable instead of its value'],
  ['env("DATABASE_URL")', 'name of a variable instead of its value'],
  ['undefined', 'missing value'],
  ['null', 'missing value'],
  ['[object Object]', 'missing value'],
  ['[object Promise]', 'missing value'],
  [`postgres://undefined:${SECRET}@db1/app`, 'the word undefined', 'had no value'],
  ['postgres://app:undefined@db1/app', 'the word undefined'],
  [`postgres://app:${SECRET}@undefined:5432/app`, 'the word undefined'],
  [`postgres://app:${SECRET}@db1:undefined/app`, 'the word undefined'],
  [`postgres://app:${SECRET}@db1,undefined/app`, 'the word undefined'],
  [`postgres://app:${SECRET}@db1/undefined`, 'the word undefined'],
  [`postgres://app:${SECRET}@db1/undefined?sslmode=require`, 'the word undefined'],
  [`postgres://app:${SECRET}@null/app`, 'the word undefined (or null'],
  [`postgres://app:${SECRET}@[object Object]/app`, '[object Object]'],
  [`host=undefined user=app password=${SECRET}`, 'the word undefined', "put in '…'"],
  [`host=db1 port=undefined password=${SECRET}`, 'the word undefined'],
  ['host=db1 user=app password=undefined', 'the word undefined'],
  [`postgres://app:hun@${SECRET}@db1/app`, 'percent-encode', '"@" is %40'],
  [`postgres://app:hun/${SECRET}@db1/app`, 'percent-encode', '"/" is %2F'],
  [`postgres://app:12/${SECRET}@db1/app`, 'password with a "/" in it', '%2F'],
  [`postgres://app:${SECRET}%zz@db1/app`, 'literal "%" as %25'],
  [`postgres://app:${SECRET}%@db1/app`, 'literal "%" as %25'],
  [`app:${SECRET}@db1/app`, 'no scheme', 'Write postgres:// before it'],
  [`//app:${SECRET}@db1/app`, 'no scheme'],
  ['localhost', 'looks like a host', 'postgres://'],
  ['db1:5432', 'looks like a host'],
  ['db1.example.com,db2.example.com:5432/app', 'looks like a host'],
  ['localhost:5432/app?sslmode=require', 'looks like a host'],
  [`Host=db1;Port=5432;Username=app;Password=${SECRET}`, 'ADO.NET', 'semicolons'],
  [`Server=db1;User Id=app;Password=${SECRET};Target Session Attributes=primary`, 'ADO.NET'],
  [`host=db1;port=5432;user=app;password=${SECRET}`, 'ADO.NET'],
  [`Driver={PostgreSQL Unicode};Server=db1;Pwd=${SECRET}`, 'ODBC'],
  [`{"host":"db1","password":"${SECRET}"}`, 'JSON'],
  [`user = app, password = ${SECRET}, host`, 'has no "="'],
];

it.each(MISTAKES)('%j', (given, ...must) => {
  let said = '';
  try {
    planConnection(given, { osUser: 'me' });
  } catch (error) {
    expect(error).toBeInstanceOf(InvalidDsnError);
    said = (error as Error).message;
  }
  for (const words of must) expect(said).toContain(words);
  expect(said).not.toContain(SECRET);
});

/** What looks similar, and is right. */
const RIGHT: readonly (readonly [given: string, expected: object])[] = [
  ['postgres://undefine%64:null%2e@db1/undefine%64', { user: 'undefined', database: 'undefined' }],
  ["host=db1 user='undefined'", { user: 'undefined' }],
  ['postgres://app@db1/app?application_name=undefined', { applicationName: 'undefined' }],
  ['postgres://nullable@db1/undefined_things', { user: 'nullable', database: 'undefined_things' }],
  ['postgres://app:p#ss@db1/app', { database: 'app' }],
  ['postgres://app:p$ss{x}$@db1/app', { database: 'app' }],
  ['postgres://app@db1/app ', { database: 'app' }],
  [' host=db1\n user=app\n', { user: 'app' }],
  ['postgres://db1:5432/a@b', { database: 'a@b' }],
  ["host=db1 password='a;b=c' user=app", { user: 'app' }],
  ['host=db1 user=app password=a;b=c', { user: 'app' }],
];

it.each(RIGHT)('%j is read', (given, expected) => {
  expect(planConnection(given, { osUser: 'me' })).toMatchObject(expected);
});
