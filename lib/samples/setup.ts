/** For scripts/ of a checkout, bundled by itself before the rest of the package is known to compile. */
export * from '../libtorch/setup.ts';
export { downloadSize, fetchSample, GEMMA3, hasSample, samplePath, SMOLLM2 } from './sample-model.ts';
