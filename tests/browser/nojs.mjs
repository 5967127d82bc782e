// A day without a script: what can be done with one can be done without.

import assert from 'node:assert/strict';
import { row, text, write } from './lib/mail.mjs';
import { member, sql, web } from './lib/place.mjs';
import { signIn, submit } from './lib/sign_in.mjs';
import { follow, go, press, walk } from './lib/walk.mjs';

const [reader, writer] = ['ines', 'jonas'].map(member);
const plain = { javaScriptEnabled: false };

const article = (page) => page.getByRole('article');
const toast = (page, words) => page.locator('#toasts').getByText(words).first().waitFor();
const undo = (page) => press(page, /Undo/, page.locator('#toasts'));
const search = async (page, words) => {
  await page.getByRole('searchbox').fill(words);
  return submit(page, 'input[type="search"]');
};

walk(
  'a message is found, read, filed and brought back',
  async (enter) => {
    const { page } = await enter({ as: reader, at: '/mail' });
    const first = page.locator('[data-row]').first();
    const subject = (await first.getByRole('heading').locator('bdi').last().innerText()).trim();
    await search(page, `subject:"${subject}"`);
    assert.ok(await row(page, subject).count());
    await go(page, () => row(page, subject).first().getByRole('link').click());
    assert.equal(await page.getByRole('heading', { level: 1 }).innerText(), subject);
    assert.ok((await text(page)).trim());
    await page.goto(`${web}/mail`);
    await go(page, () => row(page, subject).first().getByRole('link').click());
    await press(page, 'Add a star', article(page));
    await toast(page, 'One message has a star.');
    await undo(page);
    await article(page).getByRole('button', { name: 'Move to' }).click();
    await press(page, 'Archive', page.locator('#message-move'));
    await toast(page, 'One message is moved.');
    await undo(page);
    await toast(page, 'One message is as it was.');
    await page.goto(`${web}/mail`);
    assert.ok(await row(page, subject).count());
    // A folder of one's own is made, used and removed.
    await page.goto(`${web}/mail/folders`);
    await page.getByLabel('Name').fill('Keepsakes');
    await press(page, 'Make folder');
    await toast(page, 'The folder Keepsakes is there.');
    await page.goto(`${web}/mail`);
    await row(page, subject).first().getByRole('checkbox').check();
    await page.locator('.list-head').getByRole('button', { name: 'Move to' }).click();
    await press(page, 'Keepsakes', page.locator('#list-move'));
    await toast(page, 'One message is moved.');
    await follow(page, /^Keepsakes/, page.getByRole('navigation', { name: 'Folders' }));
    assert.equal(await page.locator('[data-row]').count(), 1);
    await row(page, subject).getByRole('checkbox').check();
    await press(page, 'Delete', page.locator('.list-head'));
    await toast(page, 'One message is deleted.');
    await undo(page);
    assert.equal(await page.locator('[data-row]').count(), 1);
  },
  plain,
);

walk(
  'a message with a file is written, kept, and sent as an answer to all',
  async (enter) => {
    const { page } = await enter({ as: writer, at: '/mail' });
    await go(page, () => page.locator('[data-row] a').first().click());
    await follow(page, 'Reply to all', article(page));
    assert.match(await page.getByLabel('Subject').inputValue(), /^Re: /);
    await page.setInputFiles('#file', { name: 'minutes.txt', mimeType: 'text/plain', buffer: Buffer.from('All agreed.') });
    await press(page, 'Save');
    await toast(page, /Saved in Drafts|attached/);
    await follow(page, /^Drafts/, page.getByRole('navigation', { name: 'Folders' }));
    await go(page, () => page.locator('[data-row] a').first().click());
    if (!/\/mail\/compose/.test(page.url())) await follow(page, 'Go on writing');
    assert.equal(await page.locator('[data-files] li').count(), 1);
    await write(page, { to: reader.address, body: 'Thank you all.' });
    await press(page, 'Send');
    await toast(page, /^Sending in/);
    await undo(page);
    assert.equal(await page.getByRole('textbox', { name: 'Message' }).inputValue(), 'Thank you all.');
    assert.equal(await page.locator('[data-files] li').count(), 1);
    await press(page, 'Discard this draft');
    await toast(page, 'Draft discarded.');
  },
  plain,
);

walk(
  'settings are changed, and who changes much proves who they are',
  async (enter) => {
    const { page, context } = await enter({ as: reader, at: '/settings/look' });
    await page.getByRole('radio', { name: /^Dark/ }).check();
    await press(page, 'Save');
    await toast(page, 'Saved.');
    assert.equal(await page.locator('html').getAttribute('data-theme'), 'dark');
    await page.goto(`${web}/settings/apps`);
    await page.getByLabel('For which program or device').fill('The old laptop');
    sql("UPDATE web_session SET proved_at = proved_at - interval '1 hour'");
    await press(page, 'Make app password');
    await page.locator('input[autocomplete="current-password"]').fill('not this one');
    await submit(page, 'input[autocomplete="current-password"]');
    await page.locator('input[autocomplete="current-password"]').fill(reader.password);
    await submit(page, 'input[autocomplete="current-password"]');
    await press(page, 'Go on where you were');
    await page.getByRole('heading', { name: 'Your new app password' }).waitFor();
    await page.getByText('The old laptop').waitFor();
    const secret = await page.locator('.secret').innerText();
    assert.ok(secret.replace(/\W/g, '').length >= 16, secret);
    await page.goto(`${web}/settings/password`);
    await page.getByLabel('Current password').fill(reader.password);
    await page.getByLabel('New password').fill('seventeen quiet lanterns');
    await press(page, 'Change password');
    await toast(page, 'Your password is changed.');
    await page.locator('[popovertarget="account"]').click();
    await press(page, 'Sign out');
    assert.equal(new URL(page.url()).pathname, '/sign-in');
    assert.equal((await context.request.get(`${web}/mail`, { maxRedirects: 0 })).status(), 303);
    await signIn(page, { ...reader, password: 'seventeen quiet lanterns' }, { at: `${web}/sign-in?next=/mail` });
    assert.ok(await page.locator('[data-row]').count());
  },
  plain,
);
