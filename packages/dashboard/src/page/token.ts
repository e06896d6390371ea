const KEY = 'pgherd-token';

/** The token of the dashboard: taken from the address, which then no longer shows it, and kept until the tab is closed. */
export class Token {
  #token: string | undefined;

  constructor() {
    this.#token = this.#fromAddress() ?? stored();
  }

  get value(): string | undefined {
    return this.#token;
  }

  set(token: string): void {
    this.#token = token;
    try {
      sessionStorage.setItem(KEY, token);
    } catch {
      // Storage may be forbidden: then it is asked for again after the page is loaded again.
    }
  }

  /** Behind `#`, where no server and no log sees it. */
  #fromAddress(): string | undefined {
    const token = new URLSearchParams(location.hash.slice(1)).get('token');
    if (token === null || token === '') return undefined;
    history.replaceState(null, '', location.pathname + location.search);
    this.set(token);
    return token;
  }
}

function stored(): string | undefined {
  try {
    return sessionStorage.getItem(KEY) ?? undefined;
  } catch {
    return undefined;
  }
}
