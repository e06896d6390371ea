/** Loads the page again once the server has another one: a page that stays open outlives the program that it came from. */
export class Version {
  readonly #own = tagOfScript();

  /** Called when the server has begun anew. */
  async reloadIfOld(): Promise<void> {
    const [own, present] = await Promise.all([this.#own, tagOfScript()]);
    if (own !== undefined && present !== undefined && own !== present) location.reload();
  }
}

/** What the server calls its script; `undefined` if it cannot be asked. */
async function tagOfScript(): Promise<string | undefined> {
  try {
    const { headers, ok } = await fetch('page.js', { method: 'HEAD', cache: 'no-store' });
    return ok ? (headers.get('etag') ?? undefined) : undefined;
  } catch {
    return undefined;
  }
}
