import type { LayerRope } from '../addon-types.ts';
import type { ConfigValues } from './config-values.ts';

const SLIDING = 'sliding_attention';
const FULL = 'full_attention';

export function isLayerTypes(value: unknown): boolean {
  return Array.isArray(value) && value.every((type) => type === SLIDING || type === FULL);
}

/** Whether each layer attends within the window: by `layer_types` where that is given, else by `isSliding`. */
export function readSlidingLayers(values: ConfigValues, layers: number, isSliding: (layer: number) => boolean): boolean[] {
  const types = values.raw('layer_types');
  if (!Array.isArray(types)) return Array.from({ length: layers }, (_, layer) => isSliding(layer));
  if (types.length !== layers) values.refuse('layer_types', `${layers} entries, one a layer,`);
  return types.map((type) => type === SLIDING);
}

/** The window of each layer; 0 for none. `sliding_window` is asked for only where a layer slides. */
export function readLayerWindows(values: ConfigValues, sliding: readonly boolean[]): number[] {
  const window = sliding.includes(true) ? values.size('sliding_window') : 0;
  return sliding.map((slides) => (slides ? window : 0));
}

/** `no_rope_layers` (1: turned, 0: not), else every layer but each `no_rope_layer_interval`-th is turned. */
export function readNoRopeLayers(values: ConfigValues, layers: number): LayerRope[] {
  const given = values.raw('no_rope_layers');
  if (given === undefined) {
    const interval = values.size('no_rope_layer_interval');
    return Array.from({ length: layers }, (_, layer) => ((layer + 1) % interval === 0 ? 'none' : 'global'));
  }
  const isList = Array.isArray(given) && given.length >= layers && given.every((flag) => flag === 0 || flag === 1);
  if (isList) return given.slice(0, layers).map((flag) => (flag === 1 ? 'global' : 'none'));
  values.refuse('no_rope_layers', `${layers} entries of 0 or 1`);
  return [];
}

export function renderLayerTypes(layerWindows: readonly number[]): string[] {
  return layerWindows.map((window) => (window > 0 ? SLIDING : FULL));
}
