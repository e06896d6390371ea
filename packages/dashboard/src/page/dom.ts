/** What an element is made of; texts become text, never markup. */
export interface Made {
  readonly class?: string | undefined;
  readonly text?: string | undefined;
  readonly attributes?: Readonly<Record<string, string>> | undefined;
  readonly data?: Readonly<Record<string, string>> | undefined;
}

/** Makes an element. */
export function el<K extends keyof HTMLElementTagNameMap>(
  tag: K,
  made: Made = {},
  ...children: readonly (Node | string)[]
): HTMLElementTagNameMap[K] {
  const element = document.createElement(tag);
  if (made.class !== undefined) element.className = made.class;
  if (made.text !== undefined) element.textContent = made.text;
  for (const [name, value] of Object.entries(made.attributes ?? {})) element.setAttribute(name, value);
  for (const [name, value] of Object.entries(made.data ?? {})) element.dataset[name] = value;
  element.append(...children);
  return element;
}

/** An element of the page as it was loaded. */
export function byId<T extends HTMLElement = HTMLElement>(id: string): T {
  const found = document.getElementById(id);
  if (found === null) throw new Error(`The page has no #${id}.`);
  return found as T;
}

/** Changes a text only if it differs, so that a selection in it stays. */
export function setText(element: Element, text: string): void {
  if (element.textContent !== text) element.textContent = text;
}

/** One of several buttons is chosen; returns how to choose one. */
export function choices<T extends string>(
  place: HTMLElement,
  entries: readonly (readonly [value: T, label: string])[],
  chosen: T,
  onChoose: (value: T) => void,
): void {
  const buttons = entries.map(([value, label]) => {
    const button = el('button', { text: label, attributes: { type: 'button' } });
    button.setAttribute('aria-pressed', String(value === chosen));
    button.addEventListener('click', () => {
      for (const other of buttons) other.setAttribute('aria-pressed', String(other === button));
      onChoose(value);
    });
    return button;
  });
  place.replaceChildren(...buttons);
}
