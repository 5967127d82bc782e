// Every page × who looks × light and dark × wide and narrow: what is true of all pages is true of each.

import assert from 'node:assert/strict';
import { readFileSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { axe } from './lib/axe.mjs';
import { headerFaults, layoutFaults, pageFaults } from './lib/checks.mjs';
import { htmlFaults } from './lib/html.mjs';
import { fresh, launch } from './lib/launch.mjs';
import { artefact, member, web } from './lib/place.mjs';
import { PAGES, matches, maySee } from './lib/routes.mjs';
import { signIn } from './lib/sign_in.mjs';
import { none } from './lib/watch.mjs';

const ROUTES = JSON.parse(readFileSync(process.env.MAILSTEAD_ROUTES, 'utf8')).filter(({ methods }) => /\bGET\b/.test(methods));
const ROLES = { out: null, member: 'greta', admin: 'bruno', owner: 'ada' };
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

for (const [role, local] of Object.entries(ROLES)) {
  test(`as ${role}`, async (t) => {
    const { context, watch } = await fresh(browser);
    const page = await context.newPage();
    if (local) await signIn(page, member(local));
    await watch.clean('sign-in');
    const visit = { role, page, watch, context, links: new Set(), titles: new Map() };
    for (const path of Object.keys(PAGES)) {
      const route = ROUTES.find((one) => one.path === path);
      if (route) await t.test(path, () => look(visit, route));
    }
    await t.test('every link leads somewhere', () => {
      const lost = [...visit.links].filter((link) => !ROUTES.some(({ path }) => matches(path, link.split('?')[0])));
      none(lost);
    });
    await t.test('a page that is not there says so', async () => {
      const response = await page.goto(`${web}/no/such/page`);
      assert.equal(response.status(), 404);
      none(await pageFaults(page, response));
    });
    await context.close();
  });
}

/** The address of a route: of one with a variable part, the first that a link led to. */
function address({ links }, { path }) {
  if (!path.includes('{')) return path;
  const found = [...links].find((link) => matches(path, link.split('?')[0]));
  assert.ok(found, `no page has a link to ${path}`);
  return found;
}

async function look(visit, route) {
  const { role } = visit;
  const { to, file } = PAGES[route.path];
  const leadsTo = typeof to === 'string' ? to : to?.[role];
  if (!maySee(route.access, role)) return turnedAway(visit, route);
  if (leadsTo) return leadsOn(visit, address(visit, route), leadsTo);
  if (file) return download(visit, address(visit, route), file);
  return inEveryLight(visit, address(visit, route));
}

const ask = ({ context }, path) => context.request.get(`${web}${path}`, { maxRedirects: 0, headers: { accept: 'text/html' } });

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

async function leadsOn(visit, path, to) {
  const response = await ask(visit, path);
  assert.deepEqual([response.status(), response.headers().location.split('?')[0]], [303, to]);
}

async function download(visit, path, type) {
  const response = await ask(visit, path);
  assert.equal(response.status(), 200);
  assert.match(response.headers()['content-type'], type);
  assert.equal(response.headers()['x-content-type-options'], 'nosniff');
}

async function inEveryLight({ role, page, watch, links, titles }, path) {
  await page.setViewportSize(WIDE);
  await page.emulateMedia({ colorScheme: 'light' });
  const response = await page.goto(`${web}${path}`);
  assert.equal(response.status(), 200, path);
  const faults = await pageFaults(page, response, { signedIn: role !== 'out' });

  const title = await page.title();
  if (titles.has(title)) faults.push(`${titles.get(title)} is called “${title}” too`);
  titles.set(title, path);
  for (const link of await page.$$eval('a[href^="/"]', (all) => all.map((one) => one.getAttribute('href')))) {
    links.add(link.split('#')[0]);
  }

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
