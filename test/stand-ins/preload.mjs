// For processes of their own: `node --import .../test/stand-ins/preload.mjs dist/cli.mjs train --device guard`.
// Registers the guarded device with the libtorch that the built package loads; ../stand-ins/guard.ts does so under jest.
import { createRequire } from 'node:module';
import { Tensor } from '../../dist/index.mjs';

Tensor.from([0]).dispose(); // opens libtorch, which the device's module is linked to
export const guard = createRequire(import.meta.url)('../../build-cmake/Release/guard.node');
globalThis[Symbol.for('hyperfit.deviceTypes')] = ['guard'];
