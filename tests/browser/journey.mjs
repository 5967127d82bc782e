// From an empty data directory to a community that writes to each other: what it takes is one link from the command line.
// Walked with scripts, where each page of the setup is looked at closely too, and without.

import assert from 'node:assert/strict';
import { look } from './lib/look.mjs';
import { read, row, text, write } from './lib/mail.mjs';
import { web } from './lib/place.mjs';
import { signIn } from './lib/sign_in.mjs';
import { nextCode } from './lib/totp.mjs';
import { follow, press, until, walk } from './lib/walk.mjs';

const javaScriptEnabled = process.env.MAILSTEAD_SCRIPTS !== 'off';
const link = process.env.MAILSTEAD_LINK;
const ada = { address: 'ada@example.test', password: 'seven quiet herons' };
const people = [
  { name: 'Bo Lind', local: 'bo', address: 'bo@example.test', password: 'nine slow rivers' },
  { name: 'Cy Marsh', local: 'cy', address: 'cy@example.test', password: 'four brave lanterns' },
];
const SUBJECT = 'Our first evening';
const STEPS = ['second-factor', 'codes', 'name', 'domain', 'certificate', 'done'].map((step) => `/setup/${step}`);

/** The page is looked at closely: once, in the run with scripts. */
const fine = (page, response, name) => (javaScriptEnabled ? look(page, response, name) : undefined);

/** The page of a link that is not this browser's says why not, and what to do. */
async function turnedAway(page, words) {
  const answer = await page.goto(link);
  assert.equal(answer.status(), 404);
  await fine(page, answer, 'link');
  await page.getByText(words).waitFor();
}

async function claim(page) {
  await fine(page, await page.goto(`${web}/sign-in`), 'unclaimed');
  await fine(page, await page.goto(link), 'claim');
  await fine(page, await press(page, 'Begin'), 'you');
  await page.getByLabel('Your name').fill('Ada Berg');
  await page.getByLabel('Your address').fill(ada.address);
  await page.getByLabel('Password', { exact: true }).fill('too short');
  const again = await press(page, 'Claim the server');
  assert.equal(again.status(), 422);
  await fine(page, again, 'you-again');
  assert.equal(await page.getByLabel('Your name').inputValue(), 'Ada Berg');
  await page.getByLabel('Password', { exact: true }).fill(ada.password);
  if (javaScriptEnabled) {
    await page.getByRole('button', { name: 'Show the password' }).click();
    assert.equal(await page.locator('#new-password').getAttribute('type'), 'text');
  }
  await fine(page, await press(page, 'Claim the server'), 'second-factor');
}

/** The second factor; gives the recovery codes. */
async function enrol(page) {
  await fine(page, await press(page, 'Begin'), 'scan');
  ada.totp = (await page.locator('.secret').innerText()).replace(/\s/g, '');
  await page.getByLabel('Code', { exact: true }).fill('000000');
  await fine(page, await press(page, 'Confirm'), 'scan-again');
  await page.getByLabel('Code', { exact: true }).fill(await nextCode(ada.totp));
  await fine(page, await press(page, 'Confirm'), 'codes');
  const codes = await page.locator('.codes li').allInnerTexts();
  assert.equal(new Set(codes).size, 10);
  const saved = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Save as a file' }).click();
  const file = Buffer.concat(await (await (await saved).createReadStream()).toArray());
  for (const code of codes) assert.ok(file.includes(code), 'the file has every code');
}

walk(
  'a server is claimed and set up',
  async (enter) => {
    const { page } = await enter({ permissions: ['clipboard-write'] });
    const { page: other } = await enter();
    await claim(page);
    await turnedAway(other, 'There is no such page');
    await enrol(page);
    await fine(page, await press(page, 'Go on'), 'codes-again');
    await page.getByLabel('I have kept my recovery codes').check();
    await fine(page, await press(page, 'Go on'), 'name');
    await fine(page, await press(page, 'Go on'), 'domain');
    await fine(page, await press(page, 'Go on'), 'certificate');
    assert.match(await page.locator('.copy-value').innerText(), /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
    await fine(page, await press(page, 'Finish'), 'done');
    await fine(page, await follow(page, 'Add people'), 'people');
    await page.getByText('You are the only one so far').waitFor();
  },
  { javaScriptEnabled },
);

/** The owner adds somebody; gives their link. */
async function invite(page, { name, local }) {
  await page.goto(`${web}/admin/people/add`);
  await page.getByLabel('Name', { exact: true }).fill(name);
  await page.getByLabel('Address').fill(local);
  await fine(page, await press(page, 'Add and show the link'), 'invited');
  return page.locator('.copy-value').innerText();
}

/** Somebody opens their link, and reads their first mail. */
async function arrive(page, person) {
  await fine(page, await page.goto(person.link), 'activate');
  await page.getByText(person.address).waitFor();
  await page.locator('input[autocomplete="new-password"]').fill(person.password);
  await fine(page, await press(page, 'Open my mailbox'), 'ready');
  await fine(page, await follow(page, 'Open mail'), 'no-mail');
  // The link has done its work.
  const again = await page.goto(person.link);
  await fine(page, again, 'over');
  await page.getByRole('heading', { name: 'This link is no longer good' }).waitFor();
  await page.context().clearCookies();
  await signIn(page, person);
}

/** An answer quotes what it answers, and is written above it. */
async function answer(page, person) {
  await read(page, SUBJECT);
  assert.match(await text(page), /bring a chair/);
  await follow(page, 'Reply', page.getByRole('article'));
  const field = page.getByRole('textbox', { name: 'Message' });
  assert.match(await field.inputValue(), /^\n+On .*, Ada Berg wrote:\n> Hello both,\n> bring a chair\.\n*$/);
  const cursor = await field.evaluate((one) => document.activeElement === one && one.selectionStart);
  assert.equal(cursor, 0, 'one writes on top');
  assert.match(await page.getByLabel('To', { exact: true }).inputValue(), /ada@example\.test/);
  assert.equal(await page.getByLabel('Subject').inputValue(), `Re: ${SUBJECT}`);
  await page.keyboard.type(`I bring two. ${person.name}`);
  assert.equal((await press(page, 'Send')).status(), 200);
  await page.getByText(/^Sending in a moment/).first().waitFor();
}

walk(
  'two people come and answer',
  async (enter) => {
    const { page } = await enter({ as: ada, at: '/admin/people' });
    for (const person of people) person.link = await invite(page, person);
    for (const person of people) {
      person.page = (await enter()).page;
      await arrive(person.page, person);
    }
    await page.goto(`${web}/mail/compose`);
    const to = people.map(({ address }) => address).join(', ');
    await write(page, { to, subject: SUBJECT, body: 'Hello both,\nbring a chair.' });
    assert.equal((await press(page, 'Send')).status(), 200);
    for (const person of people) await answer(person.page, person);
    // Both answers are one conversation with what they answer.
    await until(async () => {
      await page.goto(`${web}/mail`);
      return (await row(page, `Re: ${SUBJECT}`).count()) && page.locator('[data-list]').getByText('3 messages').count();
    }, 'both answers');
    await read(page, `Re: ${SUBJECT}`);
    assert.match(await text(page), /^I bring two\. (Bo Lind|Cy Marsh)\n/);
    const others = page.getByRole('article').locator('details').first();
    await others.locator('summary').click();
    for (const name of [/^Ada Berg/, /^(Bo Lind|Cy Marsh)/]) await others.getByRole('link', { name }).waitFor();
  },
  { javaScriptEnabled },
);

walk(
  'the way in is shut behind its owner',
  async (enter) => {
    const { page: owner } = await enter({ as: ada });
    const { page: stranger } = await enter();
    for (const page of [owner, stranger]) await turnedAway(page, 'There is no such page');
    for (const step of STEPS) assert.equal((await stranger.goto(`${web}${step}`)).status(), 404, step);
    // Who comes back to a step is told that all is done.
    for (const step of STEPS) {
      await owner.goto(`${web}${step}`);
      assert.equal(new URL(owner.url()).pathname, '/setup/done', step);
      await owner.getByRole('heading', { name: 'Your server is set up' }).waitFor();
    }
  },
  { javaScriptEnabled },
);
