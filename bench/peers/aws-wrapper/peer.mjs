// The AWS wrapper over `pg` as a peer (see ../README.md).
//
// On servers that are not Amazon's its documentation allows host monitoring and no failover, which reads the topology of Aurora and RDS
// clusters. So its pool is on one host, with the faster of the two settings that it gives for monitoring: the first look after 6 s,
// one failed look is enough.
import { readFileSync } from 'node:fs';
import { createInterface } from 'node:readline';
import { AwsPoolConfig } from 'aws-advanced-nodejs-wrapper';
import { AwsPgPoolClient } from 'aws-advanced-nodejs-wrapper/pg';
import { WRITE } from '../../src/client.ts';
import { Driver } from '../../src/throughput-load.ts';
import { SELECT, UPDATE } from '../../src/throughput-works.ts';

const SETTINGS = {
  plugins: 'efm2',
  dialect: 'pg',
  failureDetectionTime: 6_000,
  failureDetectionInterval: 1_000,
  failureDetectionCount: 1,
};

/** The first host of the URL: the servers' primary at the start. */
function openPool(text) {
  const [, login = '', host = '', port, database] =
    /^postgresql:\/\/([^@]+)@([^:,]+):(\d+)[^/]*\/(.*)$/.exec(text) ?? [];
  const [user, password] = login.split(':').map(decodeURIComponent);
  const at = { host, port: Number(port), user, password, database };
  return new AwsPgPoolClient({ ...at, ...SETTINGS }, new AwsPoolConfig({ maxConnections: 10 }));
}

function tell(line) {
  process.stdout.write(`${line.replaceAll('\n', ' ')}\n`);
}

/** A reply of the server is certain, and so is that no connection could be made. */
function leavesOpen({ severity, message }) {
  return severity === undefined && !message.startsWith('Internal pooled connection failed');
}

const run = (text, values) => pool.query({ text, values: [...values] });

async function write(id) {
  try {
    const { rows } = await run(WRITE, [Number(id)]);
    tell(`ok ${id} ${rows[0].port}`);
  } catch (error) {
    tell(`${leavesOpen(error) ? 'open' : 'closed'} ${id} ${error.message}`);
  }
}

async function slice(number, work, callers, seconds) {
  try {
    const sample = await driver.slice({ work, callers: Number(callers), seconds: Number(seconds) });
    tell(`slice ${number} ${JSON.stringify({ ...sample, updates: driver.updates })}`);
  } catch (error) {
    tell(`failed ${number} ${error.message}`);
  }
}

function versionOf(name) {
  const manifest = new URL(`node_modules/${name}/package.json`, import.meta.url);
  return JSON.parse(readFileSync(manifest, 'utf8')).version;
}

const pool = openPool(process.argv[2]);
const driver = new Driver({ select: (id) => run(SELECT, [id]), update: (id) => run(UPDATE, [id]) });
await run('select 1', []);
// Errors of connections that nothing waits for.
process.on('uncaughtException', () => undefined);
process.on('unhandledRejection', () => undefined);
tell(`hello aws wrapper ${versionOf('aws-advanced-nodejs-wrapper')}, pg ${versionOf('pg')}`);
createInterface({ input: process.stdin })
  .on('line', (line) => {
    const [verb, ...words] = line.split(' ');
    if (verb === 'write') void write(...words);
    else if (verb === 'slice') void slice(...words);
  })
  .on('close', () => process.exit());
