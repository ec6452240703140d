/** The document for people: a line a phase, then what failed, then what was measured. */
export function renderSummary({ settings, verdict, phases }) {
  const asked = phases.filter(({ status }) => status !== 'not asked for');
  const failures = asked.flatMap((phase) => failuresOf(phase));
  const figures = asked.flatMap(({ name, results }) =>
    results.filter(({ passed, unit }) => passed === undefined && unit !== undefined).map((result) => `  ${name}: ${renderFigure(result)}`),
  );
  return [
    '',
    ...asked.map(renderPhase),
    ...(failures.length > 0 ? ['', 'failed:', ...failures.map((line) => `  ${line}`)] : []),
    ...(figures.length > 0 ? ['', 'measured:', ...figures] : []),
    '',
    `device ${settings.device}: ${verdict}`,
  ].join('\n');
}

function renderPhase({ name, status, seconds, results, title, reason }) {
  const checks = results.filter(({ passed }) => passed !== undefined);
  const passed = checks.filter((check) => check.passed).length;
  const counts = checks.length === 0 ? '' : `${passed} of ${checks.length} checks`;
  const why = status === 'not here' ? ` (${reason})` : '';
  const time = seconds === undefined ? '' : `${seconds} s`;
  return `${name.padEnd(13)}${status.padEnd(14)}${time.padEnd(10)}${counts.padEnd(20)}${title}${why}${renderClosest(checks)}`;
}

/** The check that came nearest to its bound: how much room there is. */
function renderClosest(checks) {
  const shares = checks
    .filter(({ value, bound }) => bound > 0 && typeof value === 'number')
    .map(({ name, value, bound }) => ({ name, share: value / bound }));
  const closest = shares.sort((a, b) => b.share - a.share)[0];
  return closest === undefined ? '' : `; nearest its bound: ${closest.name}, ${(100 * closest.share).toFixed(0)} %`;
}

function failuresOf({ name, status, results, reason, signal, exitCode, output }) {
  const failed = results.filter(({ passed }) => passed === false).map((result) => `${name}: ${renderCheck(result)}`);
  if (['passed', 'failed', 'not here'].includes(status)) return failed;
  const words = [
    `${name}: ${status}`,
    reason ?? (signal ? `signal ${signal}` : exitCode ? `exit code ${exitCode}` : ''),
    output ? `it said: ${output.trim().split('\n').slice(-3).join(' | ')}` : '',
  ];
  return [...failed, words.filter(Boolean).join(', ')];
}

function renderCheck({ name, value, bound, error, passed, ...detail }) {
  const measured = bound === undefined ? '' : `: ${value}, bound ${bound}`;
  const rest = Object.keys(detail).length === 0 ? '' : ` ${JSON.stringify(detail)}`;
  return `${name}${error ? `: ${error}` : measured}${rest}`;
}

function renderFigure({ name, value, unit, ...detail }) {
  const rest = Object.entries(detail)
    .map(([key, each]) => `${key} ${each}`)
    .join(', ');
  return `${name}: ${value} ${unit}${rest ? ` (${rest})` : ''}`;
}
