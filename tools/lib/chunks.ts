import type { CodeSplittingGroup } from 'rolldown';

/** The entry that every program with a cluster imports. */
const MAIN = 'index';
/** Entries that are used without a cluster: what they need stands apart from what needs sockets. */
const ALONE: readonly string[] = ['dsn'];
/** The name of the file, and which modules go first if both would take one. */
const PRIORITIES = Object.freeze({ alone: 2, shared: 1 });

/**
 * What the main entry shares with others stands in two files and not in twenty, since each file that a program imports costs it half a
 * millisecond: one for what is used without a cluster, and one for what else such entries need as do not import `cluster` themselves.
 *
 * @param sources the module with which each entry begins, by the name of the entry.
 */
export function chunkGroups(sources: ReadonlyMap<string, string>, cluster: string): CodeSplittingGroup[] {
  let known: ReadonlyMap<string, ReadonlySet<string>> | undefined;
  const chunkOf = (id: string, importsOf: (module: string) => readonly string[]): string | undefined => {
    known ??= new Map([...sources].map(([entry, source]) => [entry, reachable(source, importsOf)]));
    if (known.get(MAIN)?.has(id) !== true) return undefined;
    const others = [...known].filter(([entry, modules]) => entry !== MAIN && modules.has(id));
    if (others.some(([entry]) => ALONE.includes(entry))) return 'alone';
    return others.some(([, modules]) => !modules.has(cluster)) ? 'shared' : undefined;
  };
  return Object.entries(PRIORITIES).map(([chunk, priority]) => ({
    priority,
    name: (id, context) => {
      const importsOf = (module: string) => context.getModuleInfo(module)?.importedIds ?? [];
      return chunkOf(id, importsOf) === chunk ? chunk : null;
    },
  }));
}

function reachable(from: string, importsOf: (module: string) => readonly string[]): ReadonlySet<string> {
  const seen = new Set<string>([from]);
  // A set goes on with what is added to it meanwhile.
  for (const module of seen) for (const imported of importsOf(module)) seen.add(imported);
  return seen;
}
