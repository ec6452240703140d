// The fonts are those of the reader's system: nothing is fetched from anywhere.
import DefaultTheme from 'vitepress/theme-without-fonts';
import './style.css';

export default DefaultTheme;
