import Fastify from 'fastify';
import { herdFastify } from 'pgherd/http';
import { accounts } from './accounts.ts';
import { db, pool } from './db.ts';

const app = Fastify({ logger: { level: 'warn' } });

app.register(herdFastify, { cluster: db, readinessPath: '/health' });
app.register(accounts);
app.addHook('onClose', async () => {
  await pool.end();
});

process.on('SIGTERM', () => app.close());
await app.listen({ port: Number(process.env.PORT ?? 3000), host: '127.0.0.1' });
