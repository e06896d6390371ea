import { sharedCluster } from 'pgherd';

export const title = 'Accounts';
export const db = sharedCluster('bank', { url: process.env.DATABASE_URL });
