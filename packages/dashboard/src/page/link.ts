import { byId, setText } from './dom.ts';
import type { LinkState } from './stream.ts';

/** A loss that is over so soon is not worth a notice, milliseconds. */
const NOTICE_AFTER_MS = 1_500;

/** Says how the connection to the dashboard is. */
export class Link {
  readonly #badge = byId('link');
  readonly #notice = byId('notice');
  readonly #text = byId('notice-text');
  readonly #form = byId<HTMLFormElement>('token-form');
  #lostAt: number | undefined;
  /** Whether a token was typed in, and what came of it is not known yet, or was no. */
  #hasTried = false;
  #state: LinkState = { kind: 'connecting' };

  constructor(retry: () => void, useToken: (token: string) => void) {
    byId('notice-retry').addEventListener('click', retry);
    this.#form.addEventListener('submit', (event) => {
      event.preventDefault();
      this.#hasTried = true;
      useToken(byId<HTMLInputElement>('token').value.trim());
    });
    window.setInterval(() => this.#refresh(), 500);
  }

  show(state: LinkState): void {
    this.#state = state;
    if (state.kind === 'live') this.#hasTried = false;
    const isAsked = state.kind === 'token';
    if (isAsked && this.#form.hidden) queueMicrotask(() => byId('token').focus());
    this.#form.hidden = !isAsked && !this.#hasTried;
    setText(byId('token-answer'), isAsked && this.#hasTried ? 'That is not the token.' : '');
    if (state.kind === 'live' || state.kind === 'token') this.#lostAt = undefined;
    if (state.kind === 'lost') this.#lostAt ??= Date.now();
    this.#refresh();
  }

  #refresh(): void {
    const state = this.#state;
    const shown = state.kind === 'connecting' && this.#lostAt !== undefined ? 'lost' : state.kind;
    this.#badge.dataset['link'] = shown;
    document.documentElement.dataset['link'] = shown;
    setText(this.#badge, WORDS[shown]);
    const lostMs = this.#lostAt === undefined ? 0 : Date.now() - this.#lostAt;
    this.#notice.hidden = lostMs < NOTICE_AFTER_MS;
    if (state.kind === 'lost') setText(this.#text, noticeOf(state, lostMs));
  }
}

const WORDS: Readonly<Record<LinkState['kind'], string>> = {
  connecting: 'connecting',
  live: 'live',
  lost: 'not connected',
  token: 'token wanted',
};

function noticeOf({ retryAt, reason }: LinkState & { kind: 'lost' }, lostMs: number): string {
  const since = Math.round(lostMs / 1_000);
  const next = Math.max(0, Math.ceil((retryAt - Date.now()) / 1_000));
  return `No connection to the dashboard for ${since} s (${reason}). What you see is of that time. Next attempt in ${next} s.`;
}
