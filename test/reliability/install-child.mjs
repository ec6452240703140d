// Installs a libtorch of a test's own index: node install-child.mjs PINS, in the environment of the test.
import { readFileSync } from 'node:fs';
import { installLibtorch } from '../../dist/libtorch.mjs';

await installLibtorch({ pins: JSON.parse(readFileSync(process.argv[2], 'utf8')), check: false });
