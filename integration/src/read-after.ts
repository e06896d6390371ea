import { createCluster } from 'pgherd';
import { PATIENT } from './support.ts';

const [, , url = '', tokenSecret = '', id = '', token = ''] = process.argv;

// A process of its own, as a web server behind a load balancer would be: it knows of the write only what the token says.
const db = createCluster({ url, causal: { tokenSecret }, ...PATIENT });
await db.ready({ primaries: 1, standbys: 2 });
const reader = token === '' ? db.read : db.read.with({ after: token });
const { rows, node } = await reader.query('select 1 from note where id = $1', [Number(id)]);
process.stdout.write(JSON.stringify({ node, seen: rows.length === 1 }));
await db.close();
