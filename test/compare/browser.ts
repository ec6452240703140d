import { existsSync } from 'node:fs';
import type { Browser } from 'playwright-core';

const PLACES = [process.env['HYPERFIT_CHROMIUM'], '/usr/bin/chromium', '/usr/bin/chromium-browser', '/usr/bin/google-chrome'];

/** A browser of this machine; undefined where there is none. */
export const CHROMIUM = PLACES.find((path) => path !== undefined && existsSync(path));

/** Tests that need it are skipped by name elsewhere. */
export const testWithBrowser = CHROMIUM === undefined ? test.skip : test;

export async function launchBrowser(): Promise<Browser> {
  const { chromium } = await import('playwright-core');
  return chromium.launch({ executablePath: CHROMIUM!, args: ['--no-sandbox', '--disable-dev-shm-usage'] });
}
