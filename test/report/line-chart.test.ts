import { renderLineChart, type LineChart, type Point } from '../../lib/report/line-chart.ts';
import { roundTicks, tickDigits } from '../../lib/report/ticks.ts';

const chartOf = (points: readonly Point[], more: Partial<LineChart> = {}): LineChart => ({
  title: 'Loss',
  xLabel: 'optimizer step',
  yLabel: 'nats per token',
  digits: 2,
  series: [{ name: 'training', colour: 1, dots: false, points }],
  ...more,
});
const line = (count: number, y: (x: number) => number): Point[] => Array.from({ length: count }, (_, x) => ({ x, y: y(x) }));
const polylines = (svg: string): number[][][] =>
  [...svg.matchAll(/<polyline points="([^"]*)"/g)].map(([, points]) => points!.split(' ').map((pair) => pair.split(',').map(Number)));

describe('roundTicks', () => {
  test.each([
    [4.3, 4, [0, 2, 4, 6]],
    [0.727, 4, [0, 0.2, 0.4, 0.6, 0.8]],
    [1, 4, [0, 0.25, 0.5, 0.75, 1]],
    [0, 4, [0, 1]],
    [0.3, 3, [0, 0.1, 0.2, 0.3]],
  ])('from 0 to at least %p', (max, count, ticks) => {
    expect(roundTicks(max, count)).toEqual(ticks);
  });

  test('of whole numbers', () => {
    expect(roundTicks(3, 5, true)).toEqual([0, 1, 2, 3]);
    expect(roundTicks(12, 5, true)).toEqual([0, 3, 6, 9, 12]);
  });

  test('are told apart by their digits', () => {
    expect(
      [
        [0, 2],
        [0, 0.5],
        [0, 0.25],
        [0, 0.002],
      ].map(tickDigits),
    ).toEqual([0, 1, 2, 3]);
  });
});

describe('renderLineChart', () => {
  test('names axes, units and the last value', () => {
    const svg = renderLineChart(chartOf(line(5, (x) => 4 - x / 2)));
    expect(svg).toContain('>nats per token</text>');
    expect(svg).toContain('>optimizer step</text>');
    expect(svg).toMatch(/class="value colour-1">2\.00<\/text>/);
    expect(svg).toContain('aria-label="Loss, nats per token by optimizer step: training from 4.00 to 2.00"');
  });

  test('writes fractions on a logarithmic axis, and leaves out what would touch', () => {
    const xs = [32, 8.51, 7.36, 7.01];
    const svg = renderLineChart(
      chartOf(
        xs.map((x) => ({ x, y: 1 })),
        { xScale: 'log' },
      ),
    );
    expect([...svg.matchAll(/class="tick middle">([^<]*)</g)].map(([, text]) => text)).toEqual(['7.0', '8.5', '32']);
  });

  test('draws to scale from zero', () => {
    const [[start, middle, end]] = polylines(
      renderLineChart(
        chartOf([
          { x: 0, y: 4 },
          { x: 50, y: 2 },
          { x: 100, y: 0 },
        ]),
      ),
    ) as [[number[], number[], number[]]];
    expect(middle![0]! - start![0]!).toBeCloseTo(end![0]! - middle![0]!, 1);
    expect(middle![1]! - start![1]!).toBeCloseTo(end![1]! - middle![1]!, 1);
  });

  test('leaves gaps where a value is not finite', () => {
    const svg = renderLineChart(chartOf(line(9, (x) => (x === 4 ? NaN : 1))));
    expect(polylines(svg).map((points) => points.length)).toEqual([4, 4]);
    expect(svg).not.toContain('NaN');
  });

  test('keeps the peaks of a long run', () => {
    const points = line(5000, (x) => (x === 3217 ? 9 : 1 + (x % 7) / 100));
    const drawn = polylines(renderLineChart(chartOf(points)))[0]!;
    expect(drawn.length).toBeLessThan(700);
    const xs = drawn.map(([x]) => x!);
    expect([...xs].sort((a, b) => a - b)).toEqual(xs);
    // The peak 9 on an axis to 10 stands at a tenth of the plot's height below its top.
    expect(Math.min(...drawn.map(([, y]) => y!))).toBeCloseTo(28 + (260 - 28 - 40) / 10, 0);
  });

  test('marks a single point and says when there is none', () => {
    expect(renderLineChart(chartOf([{ x: 3, y: 1 }]))).toContain('<circle');
    expect(renderLineChart(chartOf([]))).toBe('<p class="empty">Nothing was measured.</p>');
    expect(renderLineChart(chartOf([{ x: 1, y: Infinity }]))).toBe('<p class="empty">Nothing was measured.</p>');
  });

  test('keeps the values at line ends apart', () => {
    const series = [1, 2].map((colour) => ({ name: String(colour), colour, dots: false, points: line(3, () => 1 + colour / 1000) }));
    const heights = [...renderLineChart(chartOf([], { series })).matchAll(/y="([\d.]+)" class="value/g)].map(([, y]) => Number(y));
    expect(Math.abs(heights[0]! - heights[1]!)).toBeGreaterThanOrEqual(12.9);
  });

  test('marks places of the x axis, with the label on the roomier side', () => {
    const svg = renderLineChart(
      chartOf(
        line(11, (x) => 4 - x / 4),
        {
          marks: [
            { label: 'early', x: 2 },
            { label: 'late <b>', x: 9 },
          ],
        },
      ),
    );
    const [early, late] = [
      ...svg.matchAll(/<line class="reference" x1="([\d.]+)" x2="([\d.]+)"[^>]*\/><text x="([\d.]+)" y="[\d.]+" class="([^"]*)">([^<]*)</g),
    ];
    const [points] = polylines(svg);
    expect([early![1], early![2], late![1], late![2]].map(Number)).toEqual([
      points![2]![0],
      points![2]![0],
      points![9]![0],
      points![9]![0],
    ]);
    expect([early![4], late![4], late![5]]).toEqual(['note', 'note end', 'late &lt;b&gt;']);
    expect([Number(early![3]) > Number(early![1]), Number(late![3]) < Number(late![1])]).toEqual([true, true]);
  });
});

test('makes room for long values at the ends of lines', () => {
  const widthOf = (last: number): number =>
    Number(
      /viewBox="0 0 (\d+) /.exec(
        renderLineChart(
          chartOf(
            line(3, (x) => (x * last) / 2),
            { digits: 1 },
          ),
        ),
      )![1],
    );
  expect(widthOf(99.5)).toBe(widthOf(9.5));
  expect(widthOf(12345678.5) - widthOf(2119.5)).toBeGreaterThanOrEqual(4 * 7);
  expect(widthOf(2119.5)).toBeGreaterThan(widthOf(9.5));
});
