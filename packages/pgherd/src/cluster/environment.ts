import { readFileSync } from 'node:fs';
import { homedir, userInfo } from 'node:os';
import { type ConnectionPlan, planConnection, type RequiredFile, requiredFiles } from '../dsn/index.ts';
import { InvalidDsnError } from '../model/errors.ts';
import type { Random } from '../time/port.ts';

/** What a plan is made from. */
export interface PlanSources {
  /** Connection string; the empty one takes everything from the environment. */
  readonly url: string;
  /** Default `process.env`. */
  readonly env?: Readonly<Record<string, string | undefined>> | undefined;
  readonly random: Random;
  readonly portRule: 'last-serves-all' | 'libpq';
}

/** The variables of this process. */
export function processEnvironment(): Readonly<Record<string, string | undefined>> {
  return process.env;
}

/**
 * Makes the plan from the connection string and its surroundings: environment, service file, password file, name of the
 * user. Files are read only where libpq would read them.
 * @throws InvalidDsnError `PGHERD_INVALID_DSN`
 */
export function planFromSurroundings(sources: PlanSources): ConnectionPlan {
  const env = sources.env ?? processEnvironment();
  const homeDirectory = homedir();
  const wanted = requiredFiles(sources.url, { env, homeDirectory });
  const service = wanted.service.flatMap((file) => readIfThere(file));
  const again =
    wanted.service.length > 0 ? requiredFiles(sources.url, { env, homeDirectory, service }) : wanted;
  const passfile = again.passfile === undefined ? [] : readIfThere(again.passfile);
  return planConnection(sources.url, {
    env,
    portRule: sources.portRule,
    random: () => sources.random.next(),
    ...(wanted.service.length > 0 ? { service } : {}),
    passfile: passfile[0],
    osUser: currentUser(),
  });
}

function readIfThere(file: RequiredFile): string[] {
  try {
    return [readFileSync(file.path, 'utf8')];
  } catch (cause) {
    if (!file.mustExist) return [];
    throw new InvalidDsnError(
      `The file ${JSON.stringify(file.path)} cannot be read; it was named in the connection settings.`,
      {
        cause,
      },
    );
  }
}

function currentUser(): string | undefined {
  try {
    return userInfo().username;
  } catch {
    // A user id without a name, as in many containers.
    return undefined;
  }
}
