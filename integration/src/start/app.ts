import { randomUUID } from 'node:crypto';
import { createServer } from 'node:http';
import { isCheckViolation, isOutcomeUnknown, onShutdown } from 'pgherd';
import { healthHandler } from 'pgherd/http';
import { db, pay } from './bank.ts';

const { readiness } = healthHandler(db);

const server = createServer(async (request, response) => {
  const answer = (status: number, body: unknown) =>
    response.writeHead(status).end(`${JSON.stringify(body)}\n`);
  const { pathname, searchParams } = new URL(request.url ?? '/', 'http://localhost');
  try {
    if (pathname === '/readyz') await readiness(request, response);
    else if (pathname === '/accounts') answer(200, await db.read.rows('select * from account order by name'));
    else if (pathname === '/pay' && request.method === 'POST') {
      const id = searchParams.get('id') ?? randomUUID();
      await pay(id, 1);
      answer(200, { paid: id });
    } else answer(404, { error: 'no such page' });
  } catch (error) {
    if (isCheckViolation(error)) answer(409, { error: 'Ann has no money left' });
    else if (isOutcomeUnknown(error)) answer(503, { error: 'perhaps paid: send it again with the same id' });
    else answer(500, { error: String(error) });
  }
});

onShutdown(db, { before: () => new Promise((done) => server.close(() => done())) });
server.listen(Number(process.env['PORT'] ?? 3000), () => console.log('listening', server.address()));
