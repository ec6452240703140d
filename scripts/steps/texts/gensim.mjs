import { join } from 'node:path';

/** The wheel whose test data hold news and Wikipedia articles. */
export const GENSIM = { name: 'gensim', version: '4.4.0' };
export const TEST_DATA = join('gensim', 'test', 'test_data');
