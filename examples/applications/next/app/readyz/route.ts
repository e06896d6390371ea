import { healthHandler } from 'pgherd/http';
import { db } from '../../lib/cluster';

export const dynamic = 'force-dynamic';
export const GET = () => healthHandler(db).readiness.fetch();
