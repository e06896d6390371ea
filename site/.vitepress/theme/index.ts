// Without the fonts that the theme would bring: the reader's own are as good.
import theme from 'vitepress/theme-without-fonts';
import './style.css';

export default theme;
