import { strftime } from '../../lib/jinja/strftime.ts';

describe('A date is written in English whatever the machine speaks', () => {
  const { LC_ALL, LANG } = process.env;
  afterAll(() => Object.assign(process.env, { LC_ALL, LANG }));

  test.each(['de_DE.UTF-8', 'ja_JP.UTF-8', 'ar_EG.UTF-8'])('%s', (locale) => {
    Object.assign(process.env, { LC_ALL: locale, LANG: locale });
    expect(strftime(new Date(2026, 2, 4), '%d %b %Y, %A, %B')).toBe('04 Mar 2026, Wednesday, March');
  });
});

// Dates at which weeks and years part; by Python's datetime.strftime.
test.each([
  [new Date(2021, 0, 3), '01 53 2020 00'],
  [new Date(2024, 11, 30), '52 01 2025 53'],
  [new Date(2023, 0, 1), '01 52 2022 00'],
  [new Date(2026, 11, 31), '52 53 2026 52'],
  [new Date(2020, 1, 29), '08 09 2020 08'],
])('weeks of %s', (date, weeks) => {
  expect(strftime(date, '%U %V %G %W')).toBe(weeks);
});
