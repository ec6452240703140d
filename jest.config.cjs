/** @type {import('jest').Config} */
module.exports = {
  testMatch: ['<rootDir>/test/**/*.test.ts'],
  transform: {
    '\\.(ts|mjs|js)$': ['@swc/jest', { jsc: { target: 'es2022', parser: { syntax: 'typescript' } }, module: { type: 'commonjs' } }],
  },
  transformIgnorePatterns: [
    '\\.(node|json)$',
    '/node_modules/(?!(hyparquet|hyparquet-compressors|hysnappy|fzstd|fast-png|iobuffer|fflate|html-to-text|htmlparser2|dom-serializer|domhandler|domutils|domelementtype|entities|selderee|@selderee|parseley|leac|peberminta|deepmerge-ts)/)',
  ],
  moduleFileExtensions: ['ts', 'mjs', 'js', 'cjs', 'json', 'node'],
  testSequencer: '<rootDir>/scripts/steps/longest-first.cjs',
  testTimeout: 60000,
  maxWorkers: 1,
  cacheDirectory: '<rootDir>/node_modules/.cache/jest',
};
