// Keys alone: the mouse is never used. Wherever the focus goes it can be seen, and it comes back from what is closed.

import assert from 'node:assert/strict';
import { member, web } from './lib/place.mjs';
import { go, until, walk } from './lib/walk.mjs';

const [owner, writer, reader] = ['ada', 'farid', 'emi'].map(member);

const active = (page) =>
  page.evaluate(() => {
    const one = document.activeElement;
    const { outlineStyle, outlineWidth, outlineColor, visibility } = getComputedStyle(one);
    const { width, height } = one.getBoundingClientRect();
    const shown = outlineStyle !== 'none' && parseFloat(outlineWidth) >= 2 && !/, 0\)$/.test(outlineColor) && visibility !== 'hidden' && width * height > 0;
    return { shown, what: one.outerHTML.slice(0, 120) };
  });

const has = (place) => place.evaluate((one) => one === document.activeElement);

/** Goes there by Tab; each stop on the way shows that the focus is on it. */
async function tabTo(page, place, key = 'Tab') {
  await place.waitFor({ state: 'attached' });
  for (let stops = 0; stops < 200; stops += 1) {
    if (stops && (await has(place))) return;
    await page.keyboard.press(key);
    const { shown, what } = await active(page);
    // From the last stop on the way leads through the browser's own.
    if (!what.startsWith('<body')) assert.ok(shown, `the focus can't be seen on ${what}`);
  }
  throw new Error(`Tab never comes to ${place}`);
}

const button = (page, name) => page.getByRole('button', { name, exact: true }).last();
const link = (page, name) => page.getByRole('link', { name, exact: true }).last();
const press = (page, key) => page.keyboard.press(key);
const enter = (page) => go(page, () => press(page, 'Enter'));
const text = (page) => page.getByRole('textbox', { name: 'Message' });
const toast = (page, words) => page.locator('#toasts').getByText(words).first().waitFor();
const here = (page) => page.evaluate(() => document.activeElement.closest('[data-row]')?.dataset.row);

/** Signs in by keys; ends in front of the Inbox. */
async function signIn(page, who) {
  await page.goto(`${web}/sign-in?next=/mail`);
  await tabTo(page, page.locator('input[autocomplete="username"]'));
  await page.keyboard.type(who.address);
  await press(page, 'Tab');
  await page.keyboard.type(who.password);
  await enter(page);
  assert.equal(new URL(page.url()).pathname, '/mail');
}

walk('a message is read, answered with a file, and the answer taken back', async (arrive) => {
  const { page } = await arrive();
  await signIn(page, reader);
  await press(page, 'j');
  await press(page, 'j');
  const row = await here(page);
  assert.equal(row, await page.locator('[data-row]').nth(1).getAttribute('data-row'));
  assert.ok((await active(page)).shown, 'the row shows that it has the focus');
  await enter(page);
  assert.ok(page.url().endsWith(row.replace('.', '/')), page.url());
  await go(page, () => press(page, 'r'));
  assert.ok(await has(text(page)), 'one writes at once');
  await page.keyboard.type('By keys alone.\n');
  await tabTo(page, page.locator('#file'));
  await page.setInputFiles('#file', { name: 'keys.txt', mimeType: 'text/plain', buffer: Buffer.from('qwerty') });
  await page.locator('[data-files] button[value^="remove."]').waitFor();
  assert.ok(await has(page.locator('#file')), 'an upload leaves the focus alone');
  await tabTo(page, button(page, 'Send'));
  await enter(page);
  await toast(page, /^Sending in/);
  await go(page, () => press(page, 'z'));
  await toast(page, 'Not sent. Here it is again.');
  assert.match(await text(page).inputValue(), /^By keys alone\./);
  assert.equal(await page.locator('[data-files] li').count(), 1);
  // Away with it, and back, and away.
  for (const [name, words] of [['Discard this draft', 'Draft discarded.'], [null, 'The draft is back.'], ['Discard this draft', 'Draft discarded.']]) {
    if (name) await tabTo(page, button(page, name));
    await go(page, () => press(page, name ? 'Enter' : 'z'));
    await toast(page, words);
  }
});

walk('a message is deleted and brought back, moved and brought back', async (arrive) => {
  const { page } = await arrive({ as: reader, at: '/mail' });
  await press(page, 'j');
  const row = await here(page);
  const there = page.locator(`[data-row="${row}"]`);
  const subject = await there.getByRole('heading').innerText();
  const again = page.locator('[data-row]').filter({ hasText: subject.split('\n').pop() });
  await press(page, 'x');
  assert.ok(await there.getByRole('checkbox').isChecked());
  await go(page, () => press(page, '#'));
  assert.equal(await there.count(), 0);
  await go(page, () => press(page, 'z'));
  assert.ok(await again.count());
  await press(page, 'j');
  await enter(page);
  const move = button(page, 'Move to');
  await tabTo(page, move);
  const menu = page.locator('#message-move');
  await press(page, 'Enter');
  await menu.waitFor({ state: 'visible' });
  await press(page, 'Escape');
  await menu.waitFor({ state: 'hidden' });
  assert.ok(await has(move), 'Escape leads back to the button');
  await press(page, 'Enter');
  await tabTo(page, menu.getByRole('button', { name: 'Archive' }));
  await enter(page);
  await toast(page, 'One message is moved.');
  await go(page, () => press(page, 'z'));
  await toast(page, 'One message is as it was.');
});

walk('a message is written and sent', async (arrive) => {
  const { page } = await arrive({ as: writer, at: '/mail' });
  await go(page, () => press(page, 'c'));
  assert.ok(await has(page.getByLabel('To', { exact: true })), 'one begins with whom it goes to');
  await page.keyboard.type(reader.address);
  await tabTo(page, page.getByLabel('Subject'));
  await page.keyboard.type('Written by keys');
  await press(page, 'Tab');
  await page.keyboard.type('c r # z are letters here.');
  await tabTo(page, button(page, 'Send'));
  await enter(page);
  await toast(page, /^Sending in/);
  const { page: theirs } = await arrive({ as: reader, at: '/mail' });
  await until(async () => {
    await theirs.goto(`${web}/mail/search?q=${encodeURIComponent('subject:"Written by keys"')}`);
    return theirs.locator('[data-row]').count();
  }, 'it arrives');
});

walk('menus, dialogs and the search box open and close', async (arrive) => {
  const { page } = await arrive({ as: reader, at: '/mail' });
  await press(page, 'Tab');
  assert.equal(await page.evaluate(() => document.activeElement.getAttribute('href')), '#main', 'the way past the head is first');
  const account = page.locator('[popovertarget="account"]');
  await tabTo(page, account);
  const menu = page.locator('#account');
  for (const key of ['Enter', 'Space']) {
    await press(page, key);
    await menu.waitFor({ state: 'visible' });
    await tabTo(page, menu.getByRole('link', { name: 'Settings' }));
    await press(page, 'Escape');
    await menu.waitFor({ state: 'hidden' });
    assert.ok(await has(account), 'Escape leads back to the button');
  }
  await press(page, 'j');
  const row = await here(page);
  await press(page, '?');
  const keys = page.getByRole('dialog', { name: 'Keys' });
  await keys.waitFor();
  assert.ok(await keys.evaluate((one) => one.contains(document.activeElement)), 'the focus is in the dialog');
  await press(page, 'j');
  await press(page, 'Escape');
  await keys.waitFor({ state: 'hidden' });
  assert.equal(await here(page), row, 'the focus is where it was');
  await press(page, '/');
  await page.keyboard.type('is:read');
  await enter(page);
  assert.match(page.url(), /\/mail\/search\?q=is/);
  await page.locator('[data-row]').first().waitFor();
  await press(page, 'j');
  assert.ok(await here(page));
});

walk('the pages of those who look after people', async (arrive) => {
  const { page } = await arrive({ as: owner, at: '/admin/people' });
  await tabTo(page, page.getByRole('searchbox'));
  await page.keyboard.type('lars');
  await enter(page);
  await tabTo(page, page.locator('tbody a'));
  await enter(page);
  const opener = link(page, 'Change name');
  await tabTo(page, opener);
  await press(page, 'Enter');
  const dialog = page.getByRole('dialog');
  await dialog.waitFor();
  assert.ok(await dialog.evaluate((one) => one.contains(document.activeElement)));
  const stops = new Set();
  for (let stop = 0; stop < 12; stop += 1) {
    await press(page, 'Tab');
    stops.add(await dialog.evaluate((one) => one.contains(document.activeElement) || document.activeElement === document.body));
  }
  assert.deepEqual([...stops], [true], 'Tab stays in it');
  await press(page, 'Escape');
  await dialog.waitFor({ state: 'hidden' });
  assert.ok(await has(opener), 'Escape leads back to the link');
  await press(page, 'Enter');
  await tabTo(page, dialog.getByLabel('Name'));
  await press(page, 'ControlOrMeta+a');
  await page.keyboard.type('Lars by Keys');
  await enter(page);
  assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), 'Lars by Keys');
});
