// A fresh server in the browser, from its link to the first sign-in: each step is a page without a fault.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { axe } from './lib/axe.mjs';
import { layoutFaults, pageFaults } from './lib/checks.mjs';
import { fresh, launch } from './lib/launch.mjs';
import { artefact, web } from './lib/place.mjs';
import { landed, signIn } from './lib/sign_in.mjs';
import { nextCode } from './lib/totp.mjs';
import { none } from './lib/watch.mjs';

const [WIDE, NARROW] = [
  { width: 1240, height: 900 },
  { width: 390, height: 800 },
];
const ada = { address: 'ada@example.test', password: 'seven quiet herons' };

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

/** What is true of every page is true of this one, in each theme and width. */
async function fine(page, response, name) {
  const faults = await pageFaults(page, response);
  const shot = (look) => page.screenshot({ path: artefact(`${name}-${look}.png`), fullPage: true });
  await shot('light-1240');
  await page.emulateMedia({ colorScheme: 'dark' });
  await page.setViewportSize(NARROW);
  faults.push(...(await layoutFaults(page)), ...(await axe(page, ['color-contrast'])));
  await shot('dark-390');
  await page.emulateMedia({ colorScheme: 'light' });
  await page.setViewportSize(WIDE);
  none(faults, name);
}

test('a server is claimed and set up', async () => {
  const { context, watch } = await fresh(browser, { permissions: ['clipboard-write'] });
  const page = await context.newPage();
  await fine(page, await page.goto(`${web}/sign-in`), 'unclaimed');
  await fine(page, await page.goto(process.env.MAILSTEAD_LINK), 'claim');
  const press = async (name) => {
    const arrived = landed(page);
    await page.getByRole('button', { name, exact: true }).click();
    return arrived;
  };
  await fine(page, await press('Begin'), 'you');
  await page.getByLabel('Your name').fill('Ada Berg');
  await page.getByLabel('Your address').fill(ada.address);
  await page.getByLabel('Password', { exact: true }).fill('too short');
  const again = await press('Claim the server');
  assert.equal(again.status(), 422);
  await fine(page, again, 'you-again');
  assert.equal(await page.getByLabel('Your name').inputValue(), 'Ada Berg');
  await page.getByLabel('Password', { exact: true }).fill(ada.password);
  await page.getByRole('button', { name: 'Show the password' }).click();
  assert.equal(await page.locator('#new-password').getAttribute('type'), 'text');
  await fine(page, await press('Claim the server'), 'second-factor');
  await fine(page, await press('Begin'), 'scan');
  ada.totp = (await page.locator('.secret').innerText()).replace(/\s/g, '');
  await page.getByLabel('Code', { exact: true }).fill('000000');
  await fine(page, await press('Confirm'), 'scan-again');
  await page.getByLabel('Code', { exact: true }).fill(await nextCode(ada.totp));
  await fine(page, await press('Confirm'), 'codes');
  const codes = await page.locator('.codes li').allInnerTexts();
  assert.equal(codes.length, 10);
  const saved = page.waitForEvent('download');
  await page.getByRole('link', { name: 'Save as a file' }).click();
  const file = await (await (await saved).createReadStream()).toArray();
  for (const code of codes) assert.ok(Buffer.concat(file).includes(code), 'the file has every code');
  await page.getByLabel('I have kept my recovery codes').check();
  await fine(page, await press('Go on'), 'name');
  await fine(page, await press('Go on'), 'domain');
  await fine(page, await press('Go on'), 'certificate');
  assert.match(await page.locator('.copy-value').innerText(), /^([0-9A-F]{2}:){31}[0-9A-F]{2}$/);
  await fine(page, await press('Finish'), 'done');
  await watch.clean('setup');
  await context.close();
});

test('its owner signs in with both proofs', async () => {
  const { context, watch } = await fresh(browser, { javaScriptEnabled: false });
  const page = await context.newPage();
  await signIn(page, ada, { at: `${web}/sign-in?next=/settings/sign-in` });
  assert.equal(new URL(page.url()).pathname, '/settings/sign-in');
  await watch.clean('sign-in');
  await context.close();
});
