import { ChatTemplate } from '../../lib/tokenizer/chat-template.ts';

/**
 * Templates that mean no good: they are given up after so much work, whatever the clock says, and long dialogues are rendered all the same.
 */

const MESSAGES = [
  { role: 'user', content: 'Where is it?' },
  { role: 'assistant', content: 'There.' },
];
const render = (source: string, messages = MESSAGES): string => new ChatTemplate(source, { bos_token: '<s>' }, 'x').render(messages);

/** Processor time in ms, and what came of it. */
function measure(source: string): { milliseconds: number; end: unknown } {
  const start = process.cpuUsage();
  let end: unknown;
  try {
    end = render(source).length;
  } catch (error) {
    end = error;
  }
  const { user, system } = process.cpuUsage(start);
  return { milliseconds: (user + system) / 1000, end };
}

const rounds = (body: string, count = 100_000): string => `{% for i in range(${count}) %}${body}{% endfor %}`;
const grow = (expression: string): string => `{% set ns = namespace(x='ab') %}${rounds(`{% set ns.x = ${expression} %}`)}`;

test.each([
  ['loops within loops', rounds(rounds(rounds('')))],
  ['loops within loops that write nothing', rounds(rounds('{% if false %}x{% endif %}'))],
  [
    'replacements within replacements',
    `{% set a = 'ab' * 400000 %}${rounds("{% set b = a|replace('a', 'b')|replace('b', 'a')|replace('', '') %}")}`,
  ],
  ['a text that doubles', grow('ns.x ~ ns.x')],
  ['a list that doubles', `{% set ns = namespace(x=[1]) %}${rounds('{% set ns.x = ns.x + ns.x %}')}`],
  ['lists within lists, printed', `{% set ns = namespace(x=[1]) %}${rounds('{% set ns.x = [ns.x, ns.x] %}', 60)}{{ ns.x }}`],
  [
    'lists within lists, compared',
    `{% set ns = namespace(x=[1], y=[1]) %}${rounds('{% set ns.x = [ns.x, ns.x] %}{% set ns.y = [ns.y, ns.y] %}', 60)}{{ ns.x == ns.y }}`,
  ],
  ['lists within lists, as JSON', `{% set ns = namespace(x=[1]) %}${rounds('{% set ns.x = [ns.x, ns.x] %}', 60)}{{ ns.x|tojson|length }}`],
  ['a number that squares itself', `{% set ns = namespace(x=7) %}${rounds('{% set ns.x = ns.x * ns.x %}')}`],
  ['conditions over long ranges', rounds('{% if range(100000) %}{% endif %}')],
  ['sorting without end', `{% set a = range(100000)|list %}${rounds('{% set b = a|sort|reverse|list %}')}`],
  ['a long text cut into characters', `{% set a = 'ab' * 400000 %}${rounds('{% set b = a|list|length %}')}`],
  ['looking for an end that is not there', `{% set a = 'a' * 1000000 %}${rounds("{% set b = 'ab' in a %}")}`],
  ['methods of long texts', `{% set a = 'ab' * 400000 %}${rounds("{% set b = a.upper().split('a')|length %}")}`],
  ['a macro that calls itself twice', '{% macro m(n) %}{{ m(n + 1) }}{{ m(n + 1) }}{% endmacro %}{{ m(0) }}'],
  [
    'a macro that calls itself twice, to a depth',
    '{% macro m(n) %}{% if n < 40 %}{{ m(n + 1) }}{{ m(n + 1) }}{% endif %}{% endmacro %}{{ m(0) }}',
  ],
  ['digits that are no number', "{{ ('1' * 1000000 ~ 'x')|float }}"],
  ['digits in groups', "{{ '{:,.0f}'.format(1e300) }}{{ '{:999999,d}'.format(7) }}"],
  ['a number of a million digits', `{{ ${'9'.repeat(900_000)} }}`],
  ['unique items without end', rounds("{% set b = range(1000)|map('string')|unique|list %}")],
  ['sums of long lists', `{% set a = range(100000)|list %}${rounds('{% set b = a|sum %}')}`],
  ['groups of long lists', rounds("{% set b = [{'a': 1}]|groupby('a')|list %}")],
])('%s end soon', (_, source) => {
  const { milliseconds, end } = measure(source);
  if (typeof end !== 'number') expect(end).toMatchObject({ code: expect.stringMatching(/^ERR_(DATA|TOKENIZER)$/) as string });
  expect(milliseconds).toBeLessThan(3000);
});

test('what is given up is said', () => {
  expect(() => render(rounds(rounds('')))).toThrow(/asks for more work than a dialogue of this length is worth/);
});

test('a dialogue of 5,000 turns, and one of a long text, are rendered', () => {
  const source =
    "{% for m in messages %}<|{{ m.role }}|>{{ m['content'].replace('a', 'b')|trim }}{% if not loop.last and m.role == 'user' %}\n{% endif %}{% endfor %}";
  const turns = Array.from({ length: 5000 }, (_, index) => ({ role: index % 2 === 0 ? 'user' : 'assistant', content: `turn ${index}` }));
  expect(render(source, turns)).toContain('<|assistant|>turn 4999');
  expect(render(source, [{ role: 'user', content: 'word '.repeat(1_000_000) }]).length).toBeGreaterThan(4_000_000);
});
