import { accessSync, constants, readdirSync } from 'node:fs';
import path from 'node:path';

/** The programs, wherever distributions put them. */
export interface Programs {
  readonly patroni: string;
  readonly etcd: string;
  /** Folder of PostgreSQL's programs, `pg_basebackup` among them. */
  readonly postgres: string;
}

/** What is installed, or a sentence that says what is not. */
export function findPrograms(): Programs | string {
  const patroni = firstRunnable(['/usr/bin/patroni', '/usr/local/bin/patroni']);
  const etcd = firstRunnable(['/usr/bin/etcd', '/usr/local/bin/etcd']);
  const postgres = firstRunnable(postgresFolders().map((folder) => path.join(folder, 'pg_basebackup')));
  const missing = Object.entries({ patroni, 'etcd-server': etcd, postgresql: postgres });
  const names = missing.filter(([, found]) => found === undefined).map(([name]) => name);
  if (patroni !== undefined && etcd !== undefined && postgres !== undefined) {
    return { patroni, etcd, postgres: path.dirname(postgres) };
  }
  return `${names.join(', ')} not installed: apt-get install patroni etcd-server python3-etcd postgresql`;
}

function postgresFolders(): string[] {
  const parent = '/usr/lib/postgresql';
  try {
    const versions = readdirSync(parent).sort((one, other) => Number(other) - Number(one));
    return versions.map((version) => path.join(parent, version, 'bin'));
  } catch {
    return [];
  }
}

function firstRunnable(places: readonly string[]): string | undefined {
  return places.find((place) => {
    try {
      accessSync(place, constants.X_OK);
      return true;
    } catch {
      return false;
    }
  });
}
