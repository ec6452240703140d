// The closing line of .ci/run: node scripts/tally.mjs JEST_JSON STATUS_OF_TYPECHECK STATUS_OF_JEST
import { existsSync, readFileSync } from 'node:fs';

const [file, types, suite] = process.argv.slice(2);
const none = { numPassedTests: 0, numFailedTests: 0, numPendingTests: 0, numTodoTests: 0, testResults: [] };
const results = existsSync(file) ? JSON.parse(readFileSync(file, 'utf8')) : none;

// A test file that could not even be loaded has no tests of its own, and is one failure.
const broken = results.testResults.filter((result) => result.status === 'failed' && result.assertionResults.length === 0).length;
const passed = results.numPassedTests;
let failed = results.numFailedTests + broken + (types === '0' ? 0 : 1);
if (failed === 0 && suite !== '0') failed = 1; // set-up failed, or jest itself
console.log(`${passed} passed, ${failed} failed, ${results.numPendingTests + results.numTodoTests} skipped`);
process.exitCode = failed === 0 ? 0 : 1;
