import type { WatchState } from './state.ts';

/** What a key asks the terminal for, beyond another state. */
export type KeyEffect = 'quit' | 'interrupt' | 'suspend' | 'redraw' | undefined;

/** A key as `node:readline` names it. */
export interface Key {
  readonly name?: string | undefined;
  /** The characters that the terminal sent. */
  readonly sequence?: string | undefined;
  readonly ctrl?: boolean | undefined;
}

/** What the keys do, as the help says it. */
export const KEY_HELP: readonly (readonly [keys: string, what: string])[] = Object.freeze([
  ['↑ ↓, k j', 'select a node'],
  ['Enter', 'details of the selected node; Esc closes them'],
  ['p, Space', 'pause: the picture stands still, what happens is kept'],
  ['?', 'this help'],
  ['Ctrl-L', 'draw the screen anew'],
  ['q, Ctrl-C', 'quit; the last picture stays on the terminal'],
]);

/** What a key does. Pure. */
export function pressed(
  state: WatchState,
  { name, sequence, ctrl = false }: Key,
): { readonly state: WatchState; readonly effect: KeyEffect } {
  if (ctrl) return { state, effect: CONTROLS[name ?? ''] };
  if (sequence === '?') return { state: toggled(state, 'help'), effect: undefined };
  switch (name) {
    case 'q':
      return { state, effect: 'quit' };
    case 'up':
    case 'k':
      return { state: moved(state, -1), effect: undefined };
    case 'down':
    case 'j':
      return { state: moved(state, 1), effect: undefined };
    case 'return':
    case 'enter':
      return { state: toggled(state, 'details'), effect: undefined };
    case 'escape':
      return { state: { ...state, panel: 'none' }, effect: undefined };
    case 'p':
    case 'space':
      return { state: pausedOrNot(state), effect: undefined };
    default:
      return { state, effect: undefined };
  }
}

const CONTROLS: Readonly<Record<string, KeyEffect>> = {
  c: 'interrupt',
  d: 'quit',
  l: 'redraw',
  z: 'suspend',
};

/** What is on the screen: while it is paused, the picture of that moment, with the selection of now. */
export function shownState(state: WatchState): WatchState {
  const { pausedOn, selected, panel } = state;
  return pausedOn === undefined ? state : { ...pausedOn, selected, panel, pausedOn };
}

function pausedOrNot(state: WatchState): WatchState {
  return { ...state, pausedOn: state.pausedOn === undefined ? state : undefined };
}

function toggled(state: WatchState, panel: WatchState['panel']): WatchState {
  return { ...state, panel: state.panel === panel ? 'none' : panel };
}

function moved(state: WatchState, by: number): WatchState {
  const names = shownState(state).sample?.nodes.map(({ name }) => name) ?? [];
  const at = names.indexOf(state.selected ?? '');
  const selected = names[Math.min(names.length - 1, Math.max(0, at + by))];
  return { ...state, selected };
}
