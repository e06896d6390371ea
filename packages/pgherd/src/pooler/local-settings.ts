import type { ConnectionPlan } from '../dsn/index.ts';
import { PgHerdError } from '../model/errors.ts';

/** Settings by name that a session cannot keep behind a pooler, so that each transaction sets them. */
export type LocalSettings = ReadonlyMap<string, string>;

/**
 * The settings that the connection string asks for.
 * @throws PgHerdError `PGHERD_UNSUPPORTED` if `options` contains anything but settings.
 */
export function localSettings(plan: ConnectionPlan): LocalSettings {
  const settings = new Map(Object.entries(plan.settings));
  for (const [name, value] of parsedOptions(plan.options ?? '')) settings.set(name, value);
  if (plan.searchPath !== undefined) settings.set('search_path', plan.searchPath);
  return settings;
}

function parsedOptions(text: string): [string, string][] {
  // Split as by the server: at white space without a backslash before it.
  const words = text.match(/(?:\\[\s\S]|[^\s\\])+/g) ?? [];
  const parsed: [string, string][] = [];
  for (let index = 0; index < words.length; index++) {
    const raw = words[index] ?? '';
    const word = raw === '-c' ? `-c${words[++index] ?? ''}` : raw;
    const match = /^(?:-c|--)([A-Za-z_][\w.-]*)=([\s\S]*)$/.exec(word.replace(/\\([\s\S])/g, '$1'));
    if (match === null) {
      throw new PgHerdError(
        'PGHERD_UNSUPPORTED',
        `options "${text}" cannot be used through a pooler: "${raw}" is not a setting of the form -c name=value. Leave it out.`,
      );
    }
    const [, name = '', value = ''] = match;
    parsed.push([name.replaceAll('-', '_'), value]);
  }
  return parsed;
}

/** The statement that applies `settings` to the transaction in which it runs; empty if there are none. */
export function localSettingsText(settings: LocalSettings): string {
  if (settings.size === 0) return '';
  const calls = [...settings].map(
    ([name, value]) => `pg_catalog.set_config(${literal(name)}, ${literal(value)}, true)`,
  );
  return `SELECT ${calls.join(', ')}`;
}

function literal(text: string): string {
  return `E'${text.replaceAll('\\', '\\\\').replaceAll("'", "''")}'`;
}
