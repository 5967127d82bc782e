// What a person does on pages.

import { landed } from './sign_in.mjs';

/** Does what leads to another page; gives the answer of that one. */
export async function go(page, doing) {
  const there = landed(page);
  await doing();
  return there;
}

/** Presses a button that leads to another page. */
export const press = (page, name, within = page) =>
  go(page, () => within.getByRole('button', { name, exact: true }).last().click());

/** Follows a link. */
export const follow = (page, name, within = page) => go(page, () => within.getByRole('link', { name, exact: true }).last().click());

/** Asks again until the answer is one; for what becomes true elsewhere, and not on a page that is open. */
export async function until(ask, what, limit = 30_000) {
  for (const end = Date.now() + limit; Date.now() < end; await new Promise((done) => setTimeout(done, 200))) {
    const answer = await ask();
    if (answer) return answer;
  }
  throw new Error(`${what}: not in ${limit / 1000} s`);
}
