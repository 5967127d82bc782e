// Signing in and out, and forms that somebody else would like to send.

import assert from 'node:assert/strict';
import { look } from './lib/look.mjs';
import { member, web } from './lib/place.mjs';
import { landed, signIn, submit } from './lib/sign_in.mjs';
import { walk } from './lib/walk.mjs';

const NAME = 'input[autocomplete="username"]';
const PASSWORD = 'input[autocomplete="current-password"]';
const greta = member('greta');

const cookie = async (context, name) => (await context.cookies()).find((one) => one.name === name)?.value;
/** Where `/` leads: to the mail, or to the door. */
const home = async (context) => (await context.request.get(`${web}/`, { maxRedirects: 0 })).headers().location;

walk('a wrong password says so and keeps the name', async (enter) => {
  const { page, context } = await enter();
  await page.goto(`${web}/sign-in`);
  await page.locator(NAME).fill(greta.address);
  await page.locator(PASSWORD).fill('nothing like it');
  const answer = await submit(page, PASSWORD);
  assert.equal(answer.status(), 403);
  await look(page, answer, 'wrong-password');
  assert.ok((await page.getByRole('alert').innerText()).length > 10);
  assert.equal(await page.locator(NAME).inputValue(), greta.address);
  assert.equal(await page.locator(PASSWORD).inputValue(), '');
  assert.equal(await home(context), '/sign-in');
});

for (const javaScriptEnabled of [true, false]) {
  walk(`signing in leads where one was going (scripts: ${javaScriptEnabled})`, async (enter) => {
    const { page, context } = await enter({ javaScriptEnabled });
    await signIn(page, greta, { at: `${web}/sign-in?next=/source` });
    assert.equal(new URL(page.url()).pathname, '/source');
    assert.equal(await home(context), '/mail');
  });
}

walk('nobody is led to another site', async (enter) => {
  const { page } = await enter();
  for (const next of ['//evil.example', 'https://evil.example/', '/\\evil.example']) {
    await page.context().clearCookies();
    await signIn(page, greta, { at: `${web}/sign-in?next=${encodeURIComponent(next)}` });
    assert.equal(new URL(page.url()).origin, web);
  }
});

walk('a session gets a name of its own', async (enter) => {
  const { page, context } = await enter();
  const planted = { name: '__Host-ms', value: 'A'.repeat(43), domain: new URL(web).hostname, path: '/', secure: true };
  await context.addCookies([planted]);
  await signIn(page, greta);
  const mine = (await context.cookies()).find((one) => one.name === '__Host-ms');
  assert.notEqual(mine.value, planted.value);
  assert.deepEqual([mine.httpOnly, mine.secure, mine.sameSite, mine.path], [true, true, 'Lax', '/']);
  await page.goto(`${web}/sign-in`);
  await context.clearCookies({ name: '__Host-ms' });
  await signIn(page, greta);
  assert.notEqual(await cookie(context, '__Host-ms'), mine.value);
});

walk('a form that is not ours does nothing', async (enter) => {
  const { page, context } = await enter();
  await page.goto(`${web}/sign-in`);
  for (const token of ['', 'A'.repeat(43), null]) {
    await page.goto(`${web}/sign-in`);
    await page.locator('input[name="csrf"]').evaluate((field, token) => (token === null ? field.remove() : (field.value = token)), token);
    await page.locator(NAME).fill(greta.address);
    await page.locator(PASSWORD).fill(greta.password);
    const answer = await submit(page, PASSWORD);
    assert.equal(answer.status(), 403);
    await look(page, answer, 'form-not-ours');
    assert.equal(await home(context), '/sign-in');
  }
  // From a page of another browser: its token is not for this one.
  const { context: other } = await enter();
  const theirs = await (await other.request.get(`${web}/sign-in`)).text();
  const csrf = theirs.match(/name="csrf" value="([^"]+)"/)[1];
  const form = { csrf, name: greta.address, password: greta.password };
  assert.equal((await context.request.post(`${web}/sign-in`, { form, maxRedirects: 0 })).status(), 403);
  assert.equal((await other.request.post(`${web}/sign-in`, { form, maxRedirects: 0 })).status(), 303);
  // With the right token, but sent by another site.
  for (const headers of [{ 'sec-fetch-site': 'cross-site' }, { 'sec-fetch-site': 'same-site' }, { origin: 'https://evil.example' }]) {
    assert.equal((await other.request.post(`${web}/sign-in`, { form, headers, maxRedirects: 0 })).status(), 403);
  }
});

walk('after signing out nothing is left of a session', async (enter) => {
  const { page, context } = await enter();
  await signIn(page, greta);
  const mine = await cookie(context, '__Host-ms');
  // A form without a token is shown again, with the one that it should have had.
  const asked = await (await context.request.post(`${web}/sign-out`, { form: {}, maxRedirects: 0 })).text();
  assert.equal(await home(context), '/mail');
  const [, csrf] = asked.match(/name="csrf" value="([^"]+)"/);
  const out = await context.request.post(`${web}/sign-out`, { form: { csrf }, maxRedirects: 0 });
  assert.deepEqual([out.status(), out.headers().location], [303, '/sign-in']);
  assert.equal(await home(context), '/sign-in');
  // Whoever kept the cookie has nothing.
  await context.addCookies([{ name: '__Host-ms', value: mine, domain: new URL(web).hostname, path: '/', secure: true }]);
  assert.equal(await home(context), '/sign-in');
});
