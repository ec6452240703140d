import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import { Template } from '../../lib/jinja/template.ts';

interface JinjaFixture {
  values: Record<string, unknown>;
  now: string;
  renderings: { template: string; text?: string; refused?: string; generations?: [number, number][] }[];
}

const fixture = JSON.parse(readFileSync(join(__dirname, '..', 'fixtures', 'jinja.json'), 'utf8')) as JinjaFixture;
const values = { ...fixture.values, big: BigInt(fixture.values['big'] as string) };
const render = (template: string, given: Record<string, unknown> = values) =>
  new Template(template).render(given, () => new Date(fixture.now));

describe('A template becomes what the jinja2 of transformers makes of it', () => {
  test.each(fixture.renderings.filter(({ text }) => text !== undefined))('$template', ({ template, text, generations }) => {
    const rendering = render(template);
    expect(rendering.text).toBe(text);
    expect(rendering.generations.map(({ start, end }) => [start, end])).toEqual(generations ?? []);
  });
});

describe('A template that jinja2 refuses is refused', () => {
  test.each(fixture.renderings.filter(({ text }) => text === undefined))('$template', ({ template }) => {
    expect(() => render(template)).toThrow(expect.objectContaining({ name: 'TemplateError' }));
  });
});

describe('What is not there is refused by name', () => {
  test.each([
    ['{{ s.encode() }}', /'encode' of a str is not supported/],
    ['{{ s|urlize }}', /filter 'urlize' is not supported/],
    ['{{ lipsum() }}', /'lipsum' is not supported/],
    ['{% include "x" %}', /tag 'include' is not supported/],
    ['{{ numbers|map("upper") }}', /printing a 'generator'/],
    ['{{ d.items }}', /printing a/],
    ['{{ s|nothing }}', /No filter named 'nothing'/],
    ['{{ s is nothing }}', /No test named 'nothing'/],
    ['{% trans %}', /unknown tag 'trans'/],
  ])('%s', (template, message) => {
    expect(() => render(template)).toThrow(expect.objectContaining({ name: 'TemplateError', message: expect.stringMatching(message) }));
  });
});

describe('A template cannot exhaust the machine', () => {
  test.each([
    "{{ 'x' * 10**12 }}",
    '{{ 2 ** 10**9 }}',
    '{{ [0] * 10**12 }}',
    "{{ '%999999999d' % 1 }}",
    "{{ '{:>999999999}'.format(1) }}",
    '{{ range(10**9) }}',
  ])('%s', (template) => {
    expect(() => expect(render(template).text.length).toBeLessThan(2_000_000)).not.toThrow(RangeError);
  });

  test('a macro that calls itself for ever', () => {
    expect(() => render('{% macro f() %}{{ f() }}{% endmacro %}{{ f() }}')).toThrow(
      expect.objectContaining({ name: 'TemplateError', message: expect.stringContaining('recursion') }),
    );
  });
});

describe('What a rendering knows of its messages', () => {
  const messages = [
    { role: 'user', content: 'A' },
    { role: 'assistant', content: 'B' },
    { role: 'user', content: 'C' },
  ];
  const turns = (template: string) => {
    const rendering = render(template, { messages });
    return rendering.turns.map(({ index, start, end }) => [index, rendering.text.slice(start, end)]);
  };

  test.each([
    ['a loop over them', '<s>{% for m in messages %}[{{ m.content }}]{% endfor %}</s>'],
    ['a loop over numbers', '<s>{% for i in range(3) %}{% set m = messages[i] %}[{{ m.content }}]{% endfor %}</s>'],
    [
      'a loop over some of them, with a macro',
      '{% macro f(m) %}[{{ m.content }}]{% endmacro %}{% for m in messages[:2] %}{{ f(m) }}{% endfor %}{% for m in messages[2:] %}{{ f(m) }}{% endfor %}',
    ],
    [
      'a loop that looks ahead',
      '{% for m in messages %}{% for n in messages[loop.index:] %}{% set x = n %}{% endfor %}[{{ m.content }}]{% endfor %}',
    ],
  ])('%s', (_, template) => {
    expect(turns(template)).toEqual([
      [0, '[A]'],
      [1, '[B]'],
      [2, '[C]'],
    ]);
  });
});
