/** For scripts/ of a checkout, bundled by itself before the rest of the package is known to compile. */
export * from './index.ts';
export { PINNED_SERIES, wantedFiles } from './pins.ts';
export { describeWheel } from './wheel/describe-wheel.ts';
export { fetchWheels } from './install.ts';
export { installedSize } from './install-size.ts';
