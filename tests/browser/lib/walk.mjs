// A test as a walk through pages, by one or more people, each in a browser of their own; it ends without a fault.

import { after, before, test } from 'node:test';
import { fresh, launch } from './launch.mjs';
import { artefact, web } from './place.mjs';
import { landed, signIn } from './sign_in.mjs';

let browser;
// Who signs in with one-time codes waits for the next one each time: their sessions are used again.
const kept = new Map();
before(async () => (browser = await launch()));
after(() => browser?.close());

/**
 * `steps(enter)`: `enter(options)` lets one more person in, and gives their page, context and watch; with `as` they are
 * signed in, and led to the path `at`. Of a walk that fails there are pictures.
 */
export function walk(name, steps, common = {}) {
  test(name, async () => {
    const people = [];
    const enter = async ({ as, at = '/', ...options } = {}) => {
      const { context, watch } = await fresh(browser, { ...common, ...options });
      const page = await context.newPage();
      people.push({ page, context, watch });
      if (as) await arrive(page, as, at);
      return { page, context, watch };
    };
    try {
      await steps(enter);
      for (const { watch } of people) await watch.clean(name);
    } catch (error) {
      const pages = people.flatMap(({ context }) => context.pages());
      const picture = (page, at) => page.screenshot({ path: artefact(`${name.replace(/\W+/g, '_')}-${at}.png`), fullPage: true });
      await Promise.allSettled(pages.map(picture));
      throw error;
    } finally {
      for (const { context } of people) await context.close();
    }
  });
}

async function arrive(page, who, at) {
  const context = page.context();
  await context.addCookies(kept.get(who.address) ?? []);
  await page.goto(`${web}${at}`);
  if (new URL(page.url()).pathname === '/sign-in') await signIn(page, who, { at: page.url() });
  if (who.totp) kept.set(who.address, await context.cookies());
}

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
