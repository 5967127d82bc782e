// Writing: kept while it is typed, files by the chooser, signed out in the middle of it, sent and taken back.

import assert from 'node:assert/strict';
import { member } from './lib/place.mjs';
import { press, walk } from './lib/walk.mjs';

const writer = member('emi');
const other = member('farid');

/** A walk that begins in front of a new message. */
function writing(name, options, steps) {
  walk(name, async (enter) => {
    const { page, context, watch } = await enter({ ...options, as: writer, at: '/mail/compose' });
    await steps(page, context, watch);
  });
}

const text = (page) => page.getByRole('textbox', { name: 'Message' });
const file = { name: 'plan.txt', mimeType: 'text/plain', buffer: Buffer.from('the plan') };

writing('what is typed is kept, with its file', {}, async (page) => {
  await page.getByLabel('To', { exact: true }).fill(other.address);
  await page.getByLabel('Subject').fill('Kept');
  await page.waitForURL(/\/mail\/compose\/\d+$/);
  await page.locator('[data-saved]').filter({ hasText: 'Saved' }).waitFor();
  await page.setInputFiles('#file', file);
  await page.locator('[data-files] button[value^="remove."]').waitFor();
  await text(page).fill('Hello,\nhere it is.');
  await page.reload();
  // It may have been saved before the page was asked for again, or after.
  const offered = page.getByRole('button', { name: 'Use it' });
  if (await offered.isVisible()) await offered.click();
  assert.equal(await text(page).inputValue(), 'Hello,\nhere it is.', 'leaving keeps it');
  assert.equal(await page.locator('[data-files] li').count(), 1);
  const answer = await press(page, 'Send');
  assert.equal(answer.status(), 200);
  await press(page, /Undo/);
  assert.equal(await page.getByLabel('Subject').inputValue(), 'Kept');
  await press(page, 'Discard this draft');
});

writing('a file makes the draft that it belongs to', {}, async (page) => {
  await page.setInputFiles('#file', [file, { ...file, name: 'second.txt', buffer: Buffer.from('more') }]);
  await page.locator('[data-files] button[value^="remove."]').nth(1).waitFor();
  assert.match(page.url(), /\/mail\/compose\/\d+$/);
  await page.getByLabel('To', { exact: true }).fill(other.address);
  await page.getByLabel('Subject').fill('Two files');
  assert.equal((await press(page, 'Send')).status(), 200);
});

writing('who is signed out goes on writing after signing in', {}, async (page, context, watch) => {
  watch.expect(401, '/mail/compose');
  await context.clearCookies({ name: '__Host-ms' });
  await page.getByLabel('Subject').fill('Nothing is lost');
  const dialog = page.locator('#sign-in-again');
  await dialog.locator('input[autocomplete="username"]').fill(writer.address);
  await dialog.locator('input[autocomplete="current-password"]').fill(writer.password);
  await dialog.locator('input[autocomplete="current-password"]').press('Enter');
  await dialog.waitFor({ state: 'hidden' });
  await page.waitForURL(/\/mail\/compose\/\d+$/);
  assert.equal(await page.getByLabel('Subject').inputValue(), 'Nothing is lost');
  await press(page, 'Discard this draft');
});

writing('while the server is away the text stays on the device', {}, async (page, context, watch) => {
  await page.getByLabel('Subject').fill('Offline');
  await context.setOffline(true);
  await page.locator('[data-saved]').filter({ hasText: 'can’t be reached' }).waitFor();
  await context.setOffline(false);
  const faults = await watch.take();
  assert.ok(faults.length && faults.every((fault) => fault.includes('INTERNET_DISCONNECTED')), faults.join('\n'));
  await text(page).fill('and back');
  await page.locator('[data-saved]').filter({ hasText: 'Saved' }).waitFor();
  await press(page, 'Discard this draft');
});

writing('without a script', { javaScriptEnabled: false }, async (page) => {
  await page.getByLabel('To', { exact: true }).fill(other.address);
  await page.getByLabel('Subject').fill('Plain');
  await page.getByLabel('Subject').press('Enter');
  await page.getByText('Saved in Drafts.').waitFor();
  await page.setInputFiles('#file', file);
  await press(page, 'Attach');
  await page.getByText('One file attached.').waitFor();
  assert.equal((await press(page, 'Send')).status(), 200);
  await page.getByText(/Sending in a moment/).waitFor();
  await press(page, /Undo/);
  await page.getByText('Not sent. Here it is again.').waitFor();
  await press(page, 'Discard this draft');
});
