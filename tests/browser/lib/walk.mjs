// A test as a walk through pages, by one or more people, each in a browser of their own; it ends without a fault.

import { after, before, test } from 'node:test';
import { fresh, launch } from './launch.mjs';
import { artefact, web } from './place.mjs';
import { signIn } from './sign_in.mjs';

export { follow, go, press, until } from './steps.mjs';

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
