/** Finding, installing and describing libtorch; nothing here opens it, save `openLibtorch`. */
export { cacheFolder } from './cache-folder.ts';
export { findLibtorch, searchLibtorch } from './find.ts';
export type { FindLibtorchOptions, Libtorch, LibtorchPlace, LibtorchSearch, SearchStep } from './find.ts';
export { libtorchInfo, renderLibtorchInfo } from './info.ts';
export type { LibtorchInfo } from './info.ts';
export { installLibtorch } from './install.ts';
export { installSize } from './install-size.ts';
export type { InstallLibtorchOptions } from './install.ts';
export type { InstallEvent } from './install-event.ts';
export { installProgress, megabytes } from './progress.ts';
export { TORCH_SERIES, TORCH_VERSION } from './pins.ts';
export { readTorchFolder } from './torch-folder.ts';
export type { TorchFolder } from './torch-folder.ts';
