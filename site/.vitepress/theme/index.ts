import theme from 'vitepress/theme-without-fonts'; // the reader's own fonts are as good
import { h } from 'vue';
import herd from '../../../docs/figures/herd.svg?raw';
import './style.css';

const drawing = herd.replace(/<style>[\s\S]*?<\/style>/, '').replace('<svg ', '<svg role="img" ');

export default {
  extends: theme,
  Layout: () =>
    h(theme.Layout, null, {
      'home-hero-image': () => h('div', { class: 'drawing', innerHTML: drawing }),
    }),
};
