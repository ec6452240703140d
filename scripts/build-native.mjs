// npm run build:native: compiles the addon against the libtorch that is found, or installed for it.
import { ensure } from './setup.mjs';
import { runMain } from './steps/log.mjs';

await runMain(async () => {
  await ensure({ native: true });
});
