import fc from 'fast-check';
import { parseJsonObject } from '../../lib/model/json.ts';
import { clip, render } from '../../lib/model/render.ts';

function parse(text: string): unknown {
  return parseJsonObject(text, 'x.json', 'ERR_MODEL_FILES');
}

describe('An object of JSON', () => {
  test.each([
    ['twice in one object', '{"a":1,"b":{},"a":2}', 'a'],
    ['twice, once escaped', '{"a":1,"\\u0061":2}', 'a'],
    ['twice within', '{"x":[{"b":1},{"b":2,"c":[],"b" \n : 3}]}', 'b'],
    ['twice after a string with quotes and braces', '{"a":"\\"}{\\\\","a":2}', 'a'],
  ])('with a key %s is refused', (_, text, key) => {
    expect(() => parse(text)).toThrow(
      expect.objectContaining({ code: 'ERR_MODEL_FILES', message: expect.stringContaining(`got "${key}" twice`) }),
    );
  });

  test('of any JSON without such keys is what JSON.parse makes of it', () => {
    fc.assert(
      fc.property(fc.dictionary(fc.string(), fc.jsonValue()), fc.constantFrom(undefined, 1), (value, space) => {
        const text = JSON.stringify(value, null, space);
        expect(parse(text)).toEqual(JSON.parse(text));
      }),
    );
  });

  test('may hold a string of 20 MB, of letters, of backslashes and of quotes', () => {
    for (const letter of ['a', '\\', '"']) {
      const value = { long: letter.repeat(2e7), after: 1 };
      expect((parse(JSON.stringify(value)) as typeof value).long).toHaveLength(2e7);
    }
  });

  test('nested a million deep is refused at once', () => {
    const text = `{"a":${'['.repeat(1e6)}${']'.repeat(1e6)}}`;
    expect(() => parse(text)).toThrow(/at most 500 objects and lists within each other/);
    expect(() => parse('{"a":'.repeat(1e6))).toThrow(/at most 500/);
  });

  test.each(['{"a', '{"a\\', '{"a\\"', '{"\\x":1,"\\x":2}', '{', '"a"', ''])('that is none is refused: %s', (text) => {
    expect(() => parse(text)).toThrow(expect.objectContaining({ code: 'ERR_MODEL_FILES' }));
  });
});

describe('A value in a message', () => {
  test('is JSON where it is short', () => {
    fc.assert(
      fc.property(fc.jsonValue({ maxDepth: 3 }), (value) => {
        const text = JSON.stringify(value);
        if (text.length <= 80) expect(render(value)).toBe(text);
      }),
    );
    expect(render(undefined)).toBe('nothing');
    expect(render(3n)).toBe('3');
    expect(render(Int32Array.of(1, 2))).toBe('[1,2]');
  });

  test('is cut where it is long, wide or deep, without looking at the rest', () => {
    let deep: unknown = 1;
    for (let level = 0; level < 1e6; level += 1) deep = [deep];
    expect(render(deep)).toBe('[[[[[[[[...]]]]]]]]');
    expect(render(Array.from({ length: 1e6 }, () => 7))).toHaveLength(83);
    expect(render('x'.repeat(1e7))).toHaveLength(83);
    expect(render({ ['k'.repeat(1e6)]: 'x'.repeat(1e6) })).toHaveLength(83);
    expect(clip('abc')).toBe('abc');
  });
});
