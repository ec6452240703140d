// Loads the addon as lib/addon.ts does, in a bare Node process or worker: no jest, no TypeScript.
const { preloader, libraries, addon } = JSON.parse(process.env.HYPERFIT_TEST_ADDON);
const { open } = require(preloader);
for (const library of libraries) {
  const reason = open(library);
  if (reason !== null) throw new Error(reason);
}
module.exports = require(addon);
