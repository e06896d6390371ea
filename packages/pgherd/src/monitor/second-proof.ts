import type { DriverResult } from '../connection/port.ts';
import { PgHerdError } from '../model/errors.ts';
import type { MonitorConnection } from './connection.ts';

/** What came first after a question had stayed unanswered: its late answer, another connection, or proof that there is none. */
export type Proof =
  | { readonly kind: 'answered'; readonly result: DriverResult }
  | { readonly kind: 'fresh'; readonly opened: MonitorConnection }
  | { readonly kind: 'failed'; readonly error: unknown };

/** Opens another connection beside the question, and returns what comes first. A connection that comes too late is closed. */
export async function secondProof(
  answer: Promise<DriverResult>,
  open: (controller: AbortController) => Promise<MonitorConnection>,
): Promise<Proof> {
  const controller = new AbortController();
  const fresh: Promise<Proof> = open(controller).then(
    (opened) => ({ kind: 'fresh', opened }) as const,
    (error: unknown) => ({ kind: 'failed', error }) as const,
  );
  const answered: Promise<Proof> = answer.then(
    (result) => ({ kind: 'answered', result }) as const,
    () => fresh,
  );
  const proof = await Promise.race([answered, fresh]);
  if (proof.kind !== 'answered') return proof;
  controller.abort(new PgHerdError('PGHERD_ABORTED', 'the late answer came first'));
  void fresh.then((rival) => rival.kind === 'fresh' && rival.opened.destroy());
  return proof;
}
