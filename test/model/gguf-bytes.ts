interface Options {
  version?: number;
  tensorCount?: bigint;
  metadataCount?: bigint;
}

type Writer = (out: GgufBytes) => unknown;

/** Builds GGUF files by hand, wrong ones too. Metadata come before tensors. */
export class GgufBytes {
  private readonly chunks: Buffer[] = [];
  private readonly options: Options;
  private tensors = 0n;
  private entries = 0n;

  constructor(options: Options = {}) {
    this.options = options;
  }

  u32(value: number): this {
    const bytes = Buffer.alloc(4);
    bytes.writeUInt32LE(value);
    this.chunks.push(bytes);
    return this;
  }

  u64(value: bigint): this {
    const bytes = Buffer.alloc(8);
    bytes.writeBigUInt64LE(value);
    this.chunks.push(bytes);
    return this;
  }

  raw(bytes: Uint8Array): this {
    this.chunks.push(Buffer.from(bytes));
    return this;
  }

  string(text: string): this {
    this.u64(BigInt(Buffer.byteLength(text)));
    this.chunks.push(Buffer.from(text));
    return this;
  }

  metadata(entries: readonly [key: string, type: number, write: Writer][]): this {
    for (const [key, type, write] of entries) {
      this.string(key).u32(type);
      write(this);
      this.entries += 1n;
    }
    return this;
  }

  /** `sizes` in the file's order, innermost first. */
  tensor(name: string, sizes: readonly number[], type: number, offset: number): this {
    this.string(name).u32(sizes.length);
    for (const size of sizes) this.u64(BigInt(size));
    this.tensors += 1n;
    return this.u32(type).u64(BigInt(offset));
  }

  /** Zeros up to a multiple of `alignment` from the start of the file. */
  pad(alignment: number): this {
    const length = 24 + this.chunks.reduce((total, chunk) => total + chunk.length, 0);
    return this.data((alignment - (length % alignment)) % alignment);
  }

  data(length: number, byte = 0): this {
    this.chunks.push(Buffer.alloc(length, byte));
    return this;
  }

  build(): Buffer {
    const header = Buffer.alloc(24);
    header.write('GGUF', 'latin1');
    header.writeUInt32LE(this.options.version ?? 3, 4);
    header.writeBigUInt64LE(this.options.tensorCount ?? this.tensors, 8);
    header.writeBigUInt64LE(this.options.metadataCount ?? this.entries, 16);
    return Buffer.concat([header, ...this.chunks]);
  }
}
