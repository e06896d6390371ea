import type { Message } from '../model/message.ts';
import { NodeColors } from './colors.ts';
import { Details } from './details.ts';
import { byId, choices, el, setText } from './dom.ts';
import { EventLog } from './events.ts';
import { Explain } from './explain.ts';
import { Link } from './link.ts';
import { Picture } from './picture.ts';
import { PLOTS } from './plot-kinds.ts';
import { Plot } from './plots.ts';
import { after, type State } from './state.ts';
import { Stream } from './stream.ts';
import { chooseTheme } from './theme.ts';
import { Token } from './token.ts';
import { Version } from './version.ts';

/** How far back plots can go, minutes. */
const RANGES = [1, 5, 15, 60];
/** How far they go at first. */
const USUAL_RANGE = 5;

/** The page: it gets messages and shows them. */
class Page {
  readonly #colors = new NodeColors();
  readonly #token = new Token();
  readonly #version = new Version();
  readonly #picture = new Picture(byId('picture'), this.#colors, (node) => this.#open(node));
  readonly #events = new EventLog(byId('events'), byId('levels'));
  readonly #explain = new Explain(byId('explain'), (path) => this.#ask(path));
  readonly #details = new Details(byId<HTMLDialogElement>('details'));
  readonly #stream: Stream;
  #plots: readonly Plot[] = [];
  #state: State | undefined;
  #rangeMs = USUAL_RANGE * 60_000;

  constructor() {
    const link = new Link(
      () => this.#stream.connect(),
      (token) => {
        this.#token.set(token);
        this.#stream.connect();
      },
    );
    this.#stream = new Stream(
      { message: (message) => this.#take(message), state: (state) => link.show(state) },
      () => this.#token.value,
    );
    chooseTheme(byId('theme'), () => this.#plot(true));
    document.addEventListener('visibilitychange', () => this.#show());
    this.#stream.connect();
  }

  #ask(path: string): Promise<Response> {
    const token = this.#token.value;
    return fetch(path, {
      cache: 'no-store',
      headers: token === undefined ? {} : { authorization: `Bearer ${token}` },
    });
  }

  #take(message: Message): void {
    const before = this.#state;
    this.#state = after(before, message);
    if (this.#state === undefined) return;
    if (message.hello !== undefined) this.#begin(this.#state);
    if (message.hello !== undefined && before !== undefined) void this.#version.reloadIfOld();
    this.#announce(before, this.#state);
    this.#show();
  }

  /** What does not change while the dashboard runs. */
  #begin({ hello }: State): void {
    setText(byId('title'), hello.title);
    setText(byId('login'), `${hello.user}@${hello.database}`);
    const scope = hello.serverFigures
      ? 'of the servers, as they say themselves'
      : 'of this process, as pgherd sees it';
    setText(byId('scope'), scope);
    this.#explain.offer(hello.targets);
    this.#offerRanges(hello.historyMs / 60_000);
    const kinds = PLOTS.filter(({ of }) => of === 'both' || (of === 'servers') === hello.serverFigures);
    this.#plots = kinds.map((kind) => new Plot(kind));
    byId('plots').replaceChildren(...this.#plots.map(({ element }) => element));
  }

  /** What the server keeps is the longest range. */
  #offerRanges(minutes: number): void {
    const ranges = RANGES.filter((range) => range <= minutes);
    const offered = ranges.length === 0 ? [minutes] : ranges;
    const chosen = String(offered.find((range) => range * 60_000 === this.#rangeMs) ?? offered.at(-1));
    this.#rangeMs = Number(chosen) * 60_000;
    const entries = offered.map((range) => [String(range), `${Number(range.toFixed(1))} min`] as const);
    choices(byId('ranges'), entries, chosen, (range) => {
      this.#rangeMs = Number(range) * 60_000;
      this.#plot(false);
    });
  }

  #show(): void {
    const state = this.#state;
    // A tab that is not seen keeps up with what is sent, and draws nothing.
    if (state === undefined || document.visibilityState === 'hidden') return;
    const { frame, hello } = state;
    const status = byId('status');
    status.dataset['status'] = frame.status;
    setText(status, frame.status);
    setText(
      byId('writable'),
      frame.writable === null ? 'no node takes writes' : `writes go to ${frame.writable}`,
    );
    document.title = `${frame.status} – ${hello.title} – pgherd`;
    const reasons = byId('reasons');
    reasons.hidden = frame.reasons.length === 0;
    reasons.replaceChildren(...frame.reasons.map((text) => el('li', { text })));
    this.#picture.show(frame);
    this.#events.show(state.events);
    this.#explain.show(frame);
    this.#details.show(state);
    this.#plot(false);
  }

  #plot(isRestyled: boolean): void {
    if (this.#state === undefined) return;
    for (const plot of this.#plots) plot.show(this.#state, this.#colors, this.#rangeMs, isRestyled);
  }

  #open(node: string): void {
    if (this.#state !== undefined) this.#details.open(node, this.#state);
  }

  /** Says what a viewer has to know who does not see the picture. */
  #announce(before: State | undefined, { frame }: State): void {
    if (before === undefined) return;
    const words: string[] = [];
    if (frame.writable !== before.frame.writable)
      words.push(frame.writable === null ? 'No node takes writes.' : `Writes go to ${frame.writable}.`);
    if (frame.status !== before.frame.status) words.push(`The cluster is ${frame.status}.`);
    if (words.length > 0) setText(byId('announcement'), words.join(' '));
  }
}

new Page();
