// Every page × who looks × light and dark × wide and narrow: what is true of all pages is true of each.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { headerFaults } from './lib/checks.mjs';
import { frameFaults } from './lib/frame.mjs';
import { htmlFaults } from './lib/html.mjs';
import { fresh, launch } from './lib/launch.mjs';
import { faultsInEveryLight } from './lib/look.mjs';
import { artefact, web } from './lib/place.mjs';
import { PAGES } from './lib/routes.mjs';
import { STATES } from './lib/states.mjs';
import { ROLES, ROUTES, Visit } from './lib/visit.mjs';
import { none } from './lib/watch.mjs';

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
    const looks = { 'turned away': turnedAway, apart: () => {}, bare, absent, 'led on': leadsOn, file: download, page: ordinary };
    for (const route of visit.routes()) await t.test(route.path, () => looks[visit.fate(route)](visit, route));
    await t.test('every link leads somewhere', () => none(visit.lost()));
    for (const [name, step] of Object.entries(STATES[role] ?? {})) await t.test(name, () => state(visit, name, step));
    await context.close();
  });
}

const ask = ({ page }, path) =>
  page.context().request.get(`${web}${path}`, { maxRedirects: 0, headers: { accept: 'text/html' } });

async function turnedAway(visit, { path }) {
  // The handler is never reached, so that any address will do.
  const response = await ask(visit, path.replace(/\{\*?[^}]+\}/g, '1'));
  const door = { out: /^\/sign-in\?next=/, half: /^\/sign-in\/code/ }[visit.role];
  if (door) {
    assert.equal(response.status(), 303);
    assert.match(response.headers().location, door);
  } else {
    assert.equal(response.status(), 403);
    none([...htmlFaults(await response.text()), ...headerFaults(response.headers(), { signedIn: true })]);
  }
}

/** What is not there says so in few ways; each is looked at once. */
async function absent(visit, { path }) {
  const address = path.replace(/\{[^}]+\}/g, 'x');
  const response = await ask(visit, address);
  assert.equal(response.status(), 404);
  const [title] = (await response.text()).match(/<title>.*<\/title>/);
  if (visit.titles.has(title)) return;
  visit.titles.set(title, address);
  await look(visit, await visit.page.goto(`${web}${address}`), nameOf(path), title);
}

async function leadsOn(visit, route) {
  const response = await ask(visit, visit.address(route));
  assert.deepEqual([response.status(), response.headers().location?.split('?')[0]], [303, visit.target(route.path)]);
}

async function download(visit, route) {
  for (const address of visit.addresses(route)) {
    const response = await ask(visit, address);
    assert.equal(response.status(), 200);
    assert.match(response.headers()['content-type'], PAGES[route.path].file);
    assert.equal(response.headers()['x-content-type-options'], 'nosniff');
  }
}

/** Messages and files as they came: they run nothing and load nothing. What they look like is for eyes alone. */
async function bare(visit, route) {
  for (const [n, address] of visit.addresses(route).entries()) {
    const response = await ask(visit, address);
    const headers = response.headers();
    assert.equal(response.status(), 200);
    assert.equal(headers['x-content-type-options'], 'nosniff');
    if (!headers['content-type'].startsWith('text/html')) {
      assert.match(headers['content-type'], /^(image\/png|text\/plain; charset=utf-8)$/);
      assert.equal(headers['content-security-policy'], "sandbox; default-src 'none'");
      continue;
    }
    none(frameFaults(headers, await response.text()));
    // The text of a message is on the page of the message.
    if (address.endsWith('/body')) continue;
    // Not in the context that is watched: its own script is blocked there.
    const cookies = await visit.page.context().storageState();
    const context = await browser.newContext({ storageState: cookies, ignoreHTTPSErrors: true });
    const page = await context.newPage();
    await page.goto(`${web}${address}`);
    await page.screenshot({ path: artefact(visit.role, `${nameOf(route.path)}-${n}.png`) });
    await context.close();
  }
}

async function ordinary(visit, route) {
  const { page, titles } = visit;
  const path = visit.address(route);
  const response = await page.goto(`${web}${path}`);
  assert.equal(response.status(), 200, path);
  await visit.harvest(route);
  const faults = [];
  const title = await page.title();
  if (titles.has(title) && !PAGES[route.path].sample) faults.push(`${titles.get(title)} is called “${title}” too`);
  if (!PAGES[route.path].sample) titles.set(title, path);
  await look(visit, response, nameOf(path), route.path, faults);
}

async function state(visit, name, step) {
  await look(visit, await step(visit), name.replace(/\W+/g, '-'), name);
}

async function look({ role, page, watch }, response, name, kind, faults = []) {
  const found = await faultsInEveryLight(page, response, [role, name], { kind, signedIn: role !== 'out' });
  none([...faults, ...found, ...(await watch.take())]);
}

/** A file name for a path. */
const nameOf = (path) => path.replace(/^\//, '').replace(/[^a-z0-9]+/gi, '_') || 'home';
