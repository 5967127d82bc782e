// Every page × who looks × light and dark × wide and narrow: what is true of all pages is true of each.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe } from './lib/axe.mjs';
import { headerFaults, layoutFaults, pageFaults } from './lib/checks.mjs';
import { htmlFaults } from './lib/html.mjs';
import { fresh, launch } from './lib/launch.mjs';
import { artefact, web } from './lib/place.mjs';
import { PAGES } from './lib/routes.mjs';
import { ROLES, ROUTES, Visit } from './lib/visit.mjs';
import { none } from './lib/watch.mjs';

const [WIDE, NARROW] = [
  { width: 1240, height: 900 },
  { width: 390, height: 800 },
];

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

test('the table has every route and nothing else', () => {
  assert.deepEqual(Object.keys(PAGES).sort(), ROUTES.map(({ path }) => path).sort());
});

for (const role of Object.keys(ROLES)) {
  test(`as ${role}`, async (t) => {
    const { context, watch } = await fresh(browser);
    const page = await context.newPage();
    const visit = Object.assign(new Visit(role, page), { watch, titles: new Map() });
    await visit.begin();
    await watch.clean('sign-in');
    const looks = { 'turned away': turnedAway, 'led on': leadsOn, file: download, page: inEveryLight };
    for (const route of visit.routes()) await t.test(route.path, () => looks[visit.fate(route)](visit, route));
    await t.test('every link leads somewhere', () => none(visit.lost()));
    await t.test('a page that is not there says so', async () => {
      const response = await page.goto(`${web}/no/such/page`);
      assert.equal(response.status(), 404);
      none(await pageFaults(page, response));
    });
    await context.close();
  });
}

const ask = ({ page }, path) =>
  page.context().request.get(`${web}${path}`, { maxRedirects: 0, headers: { accept: 'text/html' } });

async function turnedAway(visit, { path }) {
  // The handler is never reached, so that any address will do.
  const response = await ask(visit, path.replace(/\{\*?[^}]+\}/g, '1'));
  if (visit.role === 'out') {
    assert.equal(response.status(), 303);
    assert.match(response.headers().location, /^\/sign-in\?next=/);
  } else {
    assert.equal(response.status(), 403);
    none([...htmlFaults(await response.text()), ...headerFaults(response.headers(), { signedIn: true })]);
  }
}

async function leadsOn(visit, route) {
  const response = await ask(visit, visit.address(route));
  assert.deepEqual([response.status(), response.headers().location?.split('?')[0]], [303, visit.target(route.path)]);
}

async function download(visit, route) {
  const response = await ask(visit, visit.address(route));
  assert.equal(response.status(), 200);
  assert.match(response.headers()['content-type'], PAGES[route.path].file);
  assert.equal(response.headers()['x-content-type-options'], 'nosniff');
}

async function inEveryLight(visit, route) {
  const { role, page, watch, titles } = visit;
  const path = visit.address(route);
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: 'light' });
  const response = await page.goto(`${web}${path}`);
  assert.equal(response.status(), 200, path);
  await visit.harvest();
  const faults = await pageFaults(page, response, { signedIn: role !== 'out' });
  const title = await page.title();
  if (titles.has(title)) faults.push(`${titles.get(title)} is called “${title}” too`);
  titles.set(title, path);

  const shot = (name) => page.screenshot({ path: artefact(role, `${nameOf(path)}-${name}.png`), fullPage: true });
  const told = (where, list) => faults.push(...list.map((fault) => `${where}: ${fault}`));
  await shot('light-1240');
  // Colours alone depend on the theme.
  await page.emulateMedia({ colorScheme: 'dark' });
  told('dark', await axe(page, ['color-contrast']));
  await shot('dark-1240');
  await page.setViewportSize(NARROW);
  told('dark, narrow', await axe(page, ['color-contrast']));
  await shot('dark-390');
  await page.emulateMedia({ colorScheme: 'light' });
  told('narrow', [...(await layoutFaults(page)), ...(await axe(page))]);
  await shot('light-390');
  // Text of twice the size (WCAG 1.4.4): nothing is cut, nothing goes out of the window.
  await page.setViewportSize(WIDE);
  await page.evaluate(() => (document.documentElement.style.fontSize = '200%'));
  told('large text', await layoutFaults(page));
  await page.emulateMedia({ forcedColors: 'active', reducedMotion: 'reduce' });
  await shot('forced-1240');
  await page.emulateMedia({ forcedColors: null, reducedMotion: null });
  none([...faults, ...(await watch.take())]);
}

/** A file name for a path. */
const nameOf = (path) => path.replace(/^\//, '').replace(/[^a-z0-9]+/gi, '_') || 'home';
