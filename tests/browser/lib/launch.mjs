// Chromium, and contexts of it that notice what no page may do.

import { chromium } from './modules.mjs';
import { web } from './place.mjs';
import { Watch } from './watch.mjs';

// No look-ups of the browser's own: the machine may have no network, and every request is counted.
const QUIET = [
  '--disable-gpu',
  '--disable-quic',
  '--no-first-run',
  '--disable-background-networking',
  '--disable-component-update',
  '--disable-sync',
];

/**
 * Starts the browser. `canary` is the port that answers for canary.example.test, whatever port is asked for; other
 * names of the demo lead to this machine, and all the rest nowhere.
 */
export async function launch({ canary } = {}) {
  const rules = [
    ...(canary ? [`MAP canary.example.test 127.0.0.1:${canary}`] : []),
    'MAP mail.example.test 127.0.0.1',
    'MAP * ~NOTFOUND',
    'EXCLUDE 127.0.0.1',
    'EXCLUDE localhost',
  ];
  return chromium.launch({
    executablePath: process.env.MAILSTEAD_CHROMIUM ?? '/usr/bin/chromium',
    // Root has no sandbox to go into.
    chromiumSandbox: process.getuid() !== 0,
    // Pages that are gone back to are kept alive, as in every browser.
    ignoreDefaultArgs: ['--disable-back-forward-cache'],
    args: [...QUIET, `--host-resolver-rules=${rules.join(', ')}`],
  });
}

/** A fresh context under watch: no cookie, no cache; `options` as Playwright has them. */
export async function fresh(browser, options = {}, own = [web]) {
  const context = await browser.newContext({
    ignoreHTTPSErrors: true,
    viewport: { width: 1240, height: 900 },
    locale: 'en',
    // What is measured is not on its way from one colour to another.
    reducedMotion: 'reduce',
    ...options,
  });
  context.setDefaultTimeout(10_000);
  return { context, watch: await Watch.over(context, own) };
}
