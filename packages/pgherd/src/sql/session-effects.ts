/** Tags of commands that change the session beyond their own transaction, or may. */
const SESSION_TAGS =
  /^(SET|RESET|LISTEN|UNLISTEN|PREPARE|DEALLOCATE|DECLARE|LOAD|DO|CALL|CREATE TABLE|CREATE SEQUENCE|CREATE VIEW)\b/;

/** What changes a session although the tag says SELECT: settings, locks of the session, and temporary tables made from a query. */
const SESSION_WORDS = /\bset_config\b|\bpg_(try_)?advisory_lock|\binto\s+(temp|pg_temp)|^\s*create\b/i;

/** Statements that are remembered; their number is bounded by the program that wrote them, unless it pastes values in. */
const REMEMBERED = 500;
/** A longer text is looked through each time instead of being kept in memory, in characters. */
const LONGEST_REMEMBERED = 4_000;

/** Whether a command with this tag may have changed the session. */
export function tagChangesSession(tag: string): boolean {
  return SESSION_TAGS.test(tag);
}

/**
 * Says of a statement's text whether it may change the session. A hint for cleaning up, not for routing: an innocent
 * statement that is suspected costs one `DISCARD ALL`.
 */
export function sessionWords(): (text: string) => boolean {
  const known = new Map<string, boolean>();
  return (text) => {
    if (text.length > LONGEST_REMEMBERED) return SESSION_WORDS.test(text);
    let found = known.get(text);
    if (found === undefined) {
      found = SESSION_WORDS.test(text);
      if (known.size >= REMEMBERED) known.clear();
      known.set(text, found);
    }
    return found;
  };
}
