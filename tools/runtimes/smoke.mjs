// What an application does with pgherd, in a project in which nothing else is installed. Prints what came, as JSON.
import { createCluster, sql } from 'pgherd';

const db = createCluster({ url: process.env.SMOKE_URL, env: {} });
const seen = {};

seen.created = (await db.query('create table item (id int primary key, name text, at timestamptz)')).command;
const rows = Array.from({ length: 50 }, (_, n) => [n, `item ${n}`, new Date(n)]);
await Promise.all(rows.map((row) => db.query('insert into item values ($1, $2, $3)', row)));
seen.read = await db.one('select count(*)::int as n, max(at) = $1 as same from item', [new Date(49)]);
seen.tagged = await db.sql`select name from item where id = ${7}`.then((result) => result.rows);
seen.fragment = (await db.rows(sql`select ${1}::int as one`))[0];
seen.batch = (await db.batch(['select 1 as a', { text: 'select $1::text as b', values: ['x'] }])).map(
  (one) => one.rows[0],
);

seen.transaction = await db.transaction(async (tx) => {
  await tx.query('delete from item where id >= 40');
  await tx.transaction((inner) => inner.query('delete from item where id >= 20'));
  // A savepoint that fails is undone, and nothing else.
  const failing = tx.transaction(async (inner) => {
    await inner.query('delete from item');
    throw new Error('undo');
  });
  await failing.catch((error) => {
    seen.undone = error.message;
  });
  return tx.one('select count(*)::int as n from item');
});
await db.query('truncate item');
await db.query('insert into item select g from generate_series(1, 1000) g');

let streamed = 0;
for await (const { id } of db.stream('select id from item order by id', [], { batchSize: 100 }))
  streamed += id;
seen.streamed = streamed;

await db.query('create table copied (line text)');
const source = (async function* () {
  yield Buffer.from('one\n');
  yield Buffer.from('two\n');
})();
seen.copied = (await db.copyFrom('copy copied from stdin', source)).rowCount;
let out = '';
for await (const piece of db.copyTo('copy copied to stdout')) out += Buffer.from(piece).toString();
seen.out = out;

const note = Promise.withResolvers?.() ?? deferred();
const subscription = await db.listen('news', (payload) => note.resolve(payload));
await db.query("select pg_notify('news', 'hello')");
seen.heard = await note.promise;
await subscription.unlisten();

seen.refused = await db.query('select 1 / 0').then(
  () => 'nothing',
  (error) => error.code,
);
seen.late = await db.query('select pg_sleep(60)', [], { timeoutMs: 200 }).then(
  () => 'nothing',
  (error) => error.code,
);
await db.use(async (lease) => {
  seen.encrypted = await lease.one('select ssl from pg_stat_ssl where pid = pg_backend_pid()');
});
await db.close();
console.log(JSON.stringify(seen));

function deferred() {
  let resolve;
  const promise = new Promise((settle) => {
    resolve = settle;
  });
  return { promise, resolve };
}
