// Signing in as a person does. Fields are found by their `autocomplete` (WCAG 1.3.5), so that the language of the page does
// not matter.

import assert from 'node:assert/strict';
import { web } from './place.mjs';
import { nextCode } from './totp.mjs';

/** Signs in with address, password and, where `who` has one, a one-time code; ends on the page after it. */
export async function signIn(page, who, { at = `${web}/sign-in` } = {}) {
  await enterPassword(page, who, { at });
  if (who.totp) {
    // The code of these seconds may be used up: by the demo itself, which enrolled with it, or by another test.
    for (let turn = 0; turn < 3 && new URL(page.url()).pathname === '/sign-in/code'; turn++) {
      await page.locator('input[autocomplete="one-time-code"]').fill(await nextCode(who.totp));
      await submit(page, 'input[autocomplete="one-time-code"]');
    }
  }
  assert.doesNotMatch(new URL(page.url()).pathname, /^\/sign-in/, `${who.address} is signed in`);
}

/** The first step of it; gives the answer of the page after it. */
export async function enterPassword(page, who, { at = `${web}/sign-in` } = {}) {
  await page.goto(at);
  await page.locator('input[autocomplete="username"]').fill(who.address);
  await page.locator('input[autocomplete="current-password"]').fill(who.password);
  return submit(page, 'input[autocomplete="current-password"]');
}

/** Sends the form that a field stands in, by Enter; gives the answer of the page after it. */
export async function submit(page, field) {
  const arrived = landed(page);
  await page.locator(field).press('Enter');
  return arrived;
}

/** The answer to the next navigation to another page, redirects followed, once that page is loaded. */
export async function landed(page) {
  for (;;) {
    // Not by its answer: that is there before the page is, while the one before still counts as loaded.
    const response = await page.waitForNavigation();
    // None: the page went on under another address.
    if (response) return response;
  }
}
