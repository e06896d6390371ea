import { demonstrate, openExample } from './lib/demonstrate.ts';
import type { Example } from './lib/example.ts';

const [name] = process.argv.slice(2);
const url = process.env['DATABASE_URL'];
if (name === undefined || url === undefined)
  throw new Error('Usage: DATABASE_URL=postgres://app@db1,db2,db3/shop node main.ts NAME');
const { example } = (await import(`./${name}/example.ts`)) as { example: Example };
const items = await openExample(example, url);
console.log(`${name}: ${(await demonstrate(items, Date.now() % 1_000_000_000)).join(', ')}`);
await items.close();
