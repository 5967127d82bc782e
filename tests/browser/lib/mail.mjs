// Mail as its readers and writers handle it.

import { web } from './place.mjs';
import { go, until } from './steps.mjs';

/** A row of the list by its subject. */
export const row = (page, subject) => page.locator('[data-list] [data-row]').filter({ has: page.getByRole('heading', { name: subject }) });

/** Waits until a message is in the Inbox, and opens it. */
export async function read(page, subject) {
  await until(async () => {
    await page.goto(`${web}/mail`);
    return row(page, subject).count();
  }, `${subject} arrives`);
  return go(page, () => row(page, subject).first().getByRole('link').click());
}

/** The text of the message on show. */
export const text = (page) => page.frameLocator('iframe.msg').locator('body').innerText();

/** Fills the form of a new message. */
export async function write(page, { to, subject, body }) {
  if (to) await page.getByLabel('To', { exact: true }).fill(to);
  if (subject) await page.getByLabel('Subject').fill(subject);
  if (body) await page.getByRole('textbox', { name: 'Message' }).fill(body);
}
