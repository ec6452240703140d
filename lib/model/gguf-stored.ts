import type { ModelConfig, StoredForm } from '../addon-types.ts';
import { typeOfTensor } from './gguf-mix.ts';
import type { GgufFileType } from './gguf-mix.ts';
import { ropeHeadsOf } from './gguf-names.ts';
import type { GgufLayout } from './gguf-names.ts';
import { GGML_TYPES } from './gguf-types.ts';
import { expectedParameters } from './parameters.ts';

/** A parameter as a GGUF file stores it. */
export interface StoredTensor {
  /** Hugging Face's name. */
  parameter: string;
  name: string;
  /** As stored, row-major. */
  shape: number[];
  form: StoredForm;
  byteLength: number;
}

const BLOCKS: ReadonlyMap<string, { elements: number; bytes: number }> = new Map([...GGML_TYPES.values()].map((type) => [type.name, type]));

/**
 * Every parameter of `config` under its name in GGUF, with what makes the stored numbers of it: the other direction of `ggufSources`.
 * `queryFactor` goes into the queries, where llama.cpp fixes in code what queries are multiplied by.
 */
export function storedTensors(config: ModelConfig, layout: GgufLayout, fileType: GgufFileType, queryFactor: number): StoredTensor[] {
  const names = new Inverse(layout);
  return [...expectedParameters(config)].map(([parameter, shape]) => {
    const { name, part, kind } = names.of(parameter);
    const transposed = kind === 'weight' && layout.transposed.includes(part);
    const stored = transposed ? shape.toReversed() : shape;
    const type = typeOfTensor(name, stored, fileType, config);
    const form: StoredForm = {
      type,
      ropeHeads: layout.interleavesRotaryRows ? ropeHeadsOf(part, config) : 0,
      add: layout.addsOneToNorms && part.endsWith('_norm') ? 1 : 0,
      scale: part === (config.qkNorm ? 'attn_q_norm' : 'attn_q') ? queryFactor : 1,
      transposed,
    };
    return { parameter, name, shape: stored, form, byteLength: storedBytes(stored, type) };
  });
}

function storedBytes(shape: readonly number[], type: string): number {
  const { elements, bytes } = BLOCKS.get(type)!;
  return (shape.reduce((product, size) => product * size, 1) / elements) * bytes;
}

/** Hugging Face's names -> GGUF's. */
class Inverse {
  private readonly whole: ReadonlyMap<string, string>;
  private readonly layer: ReadonlyMap<string, string>;
  private readonly prefix: string;

  constructor({ whole, layer, layers }: GgufLayout) {
    this.whole = new Map([...whole].map(([name, known]) => [known, name]));
    this.layer = new Map([...layer].map(([name, known]) => [known, name]));
    this.prefix = `${layers}.`;
  }

  of(parameter: string): { name: string; part: string; kind: string } {
    const dot = parameter.lastIndexOf('.');
    const [stem, kind] = [parameter.slice(0, dot), parameter.slice(dot + 1)];
    if (!stem.startsWith(this.prefix)) return { name: `${this.whole.get(stem)}.${kind}`, part: this.whole.get(stem)!, kind };
    const [layer = '', ...rest] = stem.slice(this.prefix.length).split('.');
    const part = this.layer.get(rest.join('.'))!;
    return { name: `blk.${layer}.${part}.${kind}`, part, kind };
  }
}
