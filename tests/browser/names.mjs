// Hostile subjects, names of people and names of files wherever they stand as text of ours: in lists, what was found, notices,
// folders, drafts, files that are attached, and in the offer of what was kept.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { Reader, unseemly } from './lib/hostile.mjs';
import { artefact, web } from './lib/place.mjs';
import { landed } from './lib/sign_in.mjs';
import { none } from './lib/watch.mjs';

const MARKUP = `<img src=x onerror=alert('canary')>`;
const TURNED = `\u202e${MARKUP}\u2066 gpj`;
const VECTORS = ['101', '102', '108', '110', '111', '112', '115', '116', '117', '118', '125', '126', '127', '130'];

let reader;
before(async () => (reader = await Reader.begin('ines', ({ name }) => VECTORS.includes(name.slice(0, 3)))));
after(() => reader?.close());

function trial(name, steps) {
  test(name, async () => {
    try {
      await steps(reader.page);
      await reader.quiet(name);
    } catch (error) {
      await reader.page.screenshot({ path: artefact(`${name.replace(/\W+/g, '_')}.png`), fullPage: true });
      throw error;
    }
  });
}

/** Does what leads to another page; looks at it. */
async function go(doing, where) {
  const there = landed(reader.page);
  await doing();
  const response = await there;
  assert.equal(response.status(), 200, where);
  await reader.quiet(where, response);
}

const press = (page, name) => page.getByRole('button', { name, exact: true }).last().click();
const row = (page, start) => page.locator(`[data-list] [data-row="${reader.message(start).spot}"]`);
const toast = (page) => page.locator('#toasts').innerText();

test('all of them arrive', () => assert.equal(reader.arrived.length, VECTORS.length));

trial('lists show markup as it was written', async (page) => {
  await reader.open('/mail', 'the list');
  assert.ok((await row(page, '110').innerText()).includes(`<script>alert('canary')</script>"'>${MARKUP}`));
  assert.ok((await row(page, '111').innerText()).includes(MARKUP));
  assert.ok((await row(page, '115').innerText()).includes(`</bdi></h1>${MARKUP}`));
  for (const q of ['canary', 'from:img', MARKUP, '"</title><script>"', `before:${MARKUP}`, TURNED]) {
    const response = await page.goto(`${web}/mail/search?${new URLSearchParams({ q })}`);
    assert.ok([200, 422].includes(response.status()), q);
    await reader.quiet(q, response);
    assert.equal(await page.locator('input[name="q"]').first().inputValue(), q);
  }
});

trial('acts are told and taken back', async (page) => {
  for (const start of ['111', '116', '125']) {
    await reader.open(reader.message(start).path, start);
    await go(() => page.getByRole('article').getByRole('button', { name: 'Delete', exact: true }).click(), `${start} deleted`);
    await go(() => page.locator('#toasts').getByRole('button').first().click(), `${start} taken back`);
  }
});

trial('a sender made of markup is allowed for good, in words', async (page) => {
  const { path } = reader.message('130');
  await reader.open(path, 'the question');
  reader.watch.allowed = (request) => request.resourceType() === 'image' && new URL(request.url()).protocol === 'https:';
  const there = landed(page);
  await page.locator('button[name="remote"][value="sender"]').click();
  await there;
  await page.waitForLoadState('networkidle');
  assert.deepEqual(reader.trap.take().hits, ['GET /s.gif']);
  assert.ok((await toast(page)).includes(MARKUP));
  await go(() => page.locator('#toasts').getByRole('button').first().click(), 'no more');
  reader.watch.allowed = () => false;
  await reader.open('/settings/reading', 'the list of those allowed');
});

trial('a folder may be called anything that can be seen', async (page) => {
  await reader.open('/mail/folders', 'folders');
  await page.locator('input[name="name"]').fill(TURNED);
  const refused = landed(page);
  await page.locator('input[name="name"]').press('Enter');
  assert.equal((await refused).status(), 422);
  await page.getByText('characters that can be seen').first().waitFor();
  await page.locator('input[name="name"]').fill(`${MARKUP} gpj`);
  await go(() => page.locator('input[name="name"]').press('Enter'), 'made');
  assert.ok((await toast(page)).includes(`${MARKUP} gpj`));
  const folder = page.getByRole('row').filter({ hasText: `${MARKUP} gpj` });
  await go(() => folder.getByRole('link').last().click(), 'to be changed');
  await reader.open('/mail/folders', 'folders again');
  await go(() => folder.getByRole('link').first().click(), 'an empty folder');
  await reader.open(reader.message('112').path, 'a message to move');
  await page.getByRole('article').getByRole('button', { name: 'Move', exact: false }).first().click();
  await go(() => page.locator('button[value^="move."]:visible').filter({ hasText: `${MARKUP} gpj` }).click(), 'moved');
});

trial('a forwarded message takes its files along', async (page) => {
  for (const [start, keep] of [
    ['127', () => page.waitForURL(/\/mail\/compose\/\d+$/)],
    ['117', () => go(() => press(page, 'Save'), '117 saved')],
  ]) {
    await reader.open(`/mail/compose?forward=${reader.message(start).spot}`, start);
    for (const box of await page.locator('[data-parts] input').all()) await box.check();
    const names = await page.locator('[data-parts] bdi').allInnerTexts();
    assert.ok(names.length > 1, start);
    await page.getByLabel('Subject').fill(`${start} ${TURNED}`);
    await keep();
    const rows = await page.locator('[data-files] li bdi').allInnerTexts();
    assert.equal(rows.length, names.length);
    none(rows.flatMap(unseemly), start);
  }
  await reader.open('/mail/compose', 'a new message');
  const drafts = page.locator('nav a', { hasText: 'Drafts' }).first();
  await go(() => drafts.click(), 'drafts');
  await page.locator('[data-row]').filter({ hasText: `127 ${MARKUP}` }).waitFor();
  const [spot] = await page.locator('[data-list] [data-row]').evaluateAll((all) => all.map((one) => one.dataset.row));
  const path = `/mail/${spot.replace('.', '/')}`;
  await reader.open(path, 'a draft as a message');
  const looks = await page.locator('.attachments a[href$="/preview"]').evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  for (const look of looks) await reader.open(look, look);
});

trial('files of any name are attached', async (page) => {
  const names = [`${MARKUP}.html`, `photo\u202egpj.exe`, `a\u001b[31m\u0007.txt`, `${'W'.repeat(240)}.txt`, `"><script>alert('canary')</script>.svg`];
  await reader.open('/mail/compose', 'a new message');
  const made = names.map((name) => ({ name, mimeType: 'text/html', buffer: Buffer.from(`<script>alert('canary')</script>`) }));
  await page.setInputFiles('#file', made);
  await page.locator('[data-files] button[value^="remove."]').nth(names.length - 1).waitFor();
  const shown = await page.locator('[data-files] li bdi').allInnerTexts();
  assert.ok(shown.some((name) => name.includes('img src=x')), shown.join('\n'));
  none(shown.flatMap(unseemly));
  await reader.quiet('attached');
  // One that is too large is told by its name, which a page must not take for markup either.
  await page.locator('[data-compose]').evaluate((form) => (form.dataset.limit = '1'));
  await page.setInputFiles('#file', made[0]);
  await page.locator('[data-files] .error').filter({ hasText: MARKUP }).waitFor();
  await reader.quiet('refused');
  await page.reload();
  await reader.quiet('again');
  await go(() => press(page, 'Discard this draft'), 'discarded');
});

trial('what was kept on the device is offered as text', async (page) => {
  const { spot } = reader.message('110');
  await reader.open(`/mail/compose?reply=${spot}`, 'an answer');
  const subject = await page.getByLabel('Subject').inputValue();
  assert.ok(subject.includes(MARKUP), subject);
  await reader.context.setOffline(true);
  await page.getByRole('textbox', { name: 'Message' }).fill(`${MARKUP}</textarea><script>alert('canary')</script>`);
  await page.locator('[data-saved]').filter({ hasText: 'can’t be reached' }).waitFor();
  // Closed while the server is away.
  await page.close();
  await reader.context.setOffline(false);
  none((await reader.watch.take()).filter((fault) => !fault.includes('INTERNET_DISCONNECTED')));
  reader.page = await reader.context.newPage();
  await reader.open('/mail/compose', 'another page');
  await reader.page.getByRole('button', { name: 'Use it' }).click();
  await reader.quiet('taken');
  assert.equal(await reader.page.getByLabel('Subject').inputValue(), subject);
  assert.ok((await reader.page.getByRole('textbox', { name: 'Message' }).inputValue()).includes('</textarea><script>'));
});
