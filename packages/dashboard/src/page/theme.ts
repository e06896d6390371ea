import { byId, setText } from './dom.ts';

const THEMES = ['system', 'light', 'dark'] as const;
type Theme = (typeof THEMES)[number];
/** For which screens the dark colours count. */
const DARK_MEDIA: Readonly<Record<Theme, string>> = {
  system: '(prefers-color-scheme: dark)',
  light: 'not all',
  dark: 'all',
};
const KEY = 'pgherd-theme';

/** Lets the viewer choose between light, dark, and what the system says; `onChange` after every change of colours. */
export function chooseTheme(button: HTMLElement, onChange: () => void): void {
  let theme = remembered();
  const apply = (): void => {
    document.documentElement.dataset['theme'] = theme;
    byId<HTMLLinkElement>('dark').media = DARK_MEDIA[theme];
    setText(button, `Theme: ${theme}`);
  };
  button.addEventListener('click', () => {
    theme = THEMES[(THEMES.indexOf(theme) + 1) % THEMES.length] ?? 'system';
    remember(theme);
    apply();
    onChange();
  });
  matchMedia('(prefers-color-scheme: dark)').addEventListener('change', onChange);
  apply();
}

/** Storage may be forbidden. */
function remembered(): Theme {
  try {
    const text = localStorage.getItem(KEY);
    return THEMES.find((theme) => theme === text) ?? 'system';
  } catch {
    return 'system';
  }
}

function remember(theme: Theme): void {
  try {
    localStorage.setItem(KEY, theme);
  } catch {
    // It is the theme until the page is loaded again.
  }
}
