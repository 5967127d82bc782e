// From the list to a message, to Trash and back: by mouse, without scripts, and by keys alone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { fresh, launch } from './lib/launch.mjs';
import { artefact, member, web } from './lib/place.mjs';
import { landed, signIn } from './lib/sign_in.mjs';

const reader = member('emi');

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** A test in front of the Inbox of a fresh browser. */
function inbox(name, options, steps) {
  test(name, async () => {
    const { context, watch } = await fresh(browser, options);
    const page = await context.newPage();
    await signIn(page, reader, { at: `${web}/sign-in?next=/mail` });
    try {
      await steps(page);
      await watch.clean(name);
    } catch (error) {
      await page.screenshot({ path: artefact(`${name.replace(/\W+/g, '_')}.png`), fullPage: true });
      throw error;
    }
    await context.close();
  });
}

const row = (page, id) => page.locator(`[data-list] [data-row="${id}"]`);
const first = (page) => page.locator('[data-list] [data-row]').first().getAttribute('data-row');
const act = (page, name) => page.getByRole('article').getByRole('button', { name, exact: true });

/** Does what leads to another page, and waits for it. */
async function go(page, doing) {
  const there = landed(page);
  await doing();
  assert.equal((await there).status(), 200);
}

for (const javaScriptEnabled of [true, false]) {
  const how = `scripts: ${javaScriptEnabled}`;

  inbox(`a message is read (${how})`, { javaScriptEnabled }, async (page) => {
    const id = await first(page);
    await go(page, () => row(page, id).getByRole('link').click());
    assert.ok((await page.getByRole('heading', { level: 1 }).innerText()).length);
    assert.ok((await page.frameLocator('iframe.msg').locator('body').innerText()).trim().length > 20);
  });

  for (const name of ['Delete', 'Archive', 'This is junk']) {
    inbox(`${name}, and taken back (${how})`, { javaScriptEnabled }, async (page) => {
      const id = await first(page);
      await go(page, () => row(page, id).getByRole('link').click());
      await go(page, () => act(page, name).click());
      await page.goto(`${web}/mail`, { waitUntil: 'load' });
      assert.equal(await row(page, id).count(), 0);
    });
  }

  inbox(`taken back at once (${how})`, { javaScriptEnabled }, async (page) => {
    const id = await first(page);
    const subject = await row(page, id).getByRole('heading').innerText();
    await go(page, () => row(page, id).getByRole('link').click());
    await go(page, () => act(page, 'Delete').click());
    await go(page, () => page.locator('#toasts').getByRole('button').first().click());
    await page.goto(`${web}/mail`);
    assert.ok((await page.locator('[data-list] [data-row] h2').allInnerTexts()).includes(subject));
  });

  inbox(`two are picked and marked (${how})`, { javaScriptEnabled }, async (page) => {
    const two = await page.locator('[data-list] [data-row]').evaluateAll((all) => all.slice(0, 2).map((one) => one.dataset.row));
    for (const [name, unread] of [['Mark as unread', true], ['Mark as read', false]]) {
      for (const id of two) await row(page, id).getByRole('checkbox').check();
      await page.locator('.list-head').getByRole('button', { name: 'More', exact: true }).click();
      await go(page, () => page.locator('.list-head').getByRole('button', { name, exact: true }).click());
      for (const id of two) assert.equal(await row(page, id).getByText('Unread', { exact: false }).count() > 0, unread, name);
    }
  });
}

inbox('by keys alone', {}, async (page) => {
  // The skip link is the first stop, and leads into the page.
  await page.keyboard.press('Tab');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('href')), '#main');
  await page.keyboard.press('Enter');
  await page.keyboard.press('j');
  const id = await page.evaluate(() => document.activeElement.closest('[data-row]').dataset.row);
  await go(page, () => page.keyboard.press('Enter'));
  assert.ok(page.url().endsWith(`/mail/${id.replace('.', '/')}`), page.url());
  await go(page, () => page.keyboard.press('#'));
  assert.equal(await row(page, id).count(), 0);
  // The way back is reached by Tab.
  const undo = page.locator('#toasts').getByRole('button').first();
  for (let steps = 0; steps < 120 && !(await undo.evaluate((one) => one === document.activeElement)); steps += 1) {
    await page.keyboard.press('Tab');
  }
  await go(page, () => page.keyboard.press('Enter'));
  await page.goto(`${web}/mail`);
  assert.ok(await page.locator('[data-list] [data-row]').count());
});
