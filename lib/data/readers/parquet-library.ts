/** What is used of the library that reads parquet: its front, and the parts below it that pages are checked with. */
export async function loadParquet() {
  const [front, column, page, delta, encoding, schema, thrift, { compressors }] = await Promise.all([
    import('hyparquet'),
    import('hyparquet/src/column.js'),
    import('hyparquet/src/datapage.js'),
    import('hyparquet/src/delta.js'),
    import('hyparquet/src/encoding.js'),
    import('hyparquet/src/schema.js'),
    import('hyparquet/src/thrift.js'),
    import('hyparquet-compressors'),
  ]);
  return { ...front, ...column, ...page, ...delta, ...encoding, ...schema, ...thrift, compressors };
}

export type ParquetLibrary = Awaited<ReturnType<typeof loadParquet>>;

/** Where the library reads. */
export interface Cursor {
  view: DataView;
  offset: number;
}
