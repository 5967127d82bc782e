// What a page looks like when something is not as it mostly is. Each is brought about by a step that gives the answer of the
// navigation, if there was one. The last one of a role may spoil its session.

import { FOLDER, discard } from './furnish.mjs';
import { sql, web } from './place.mjs';
import { submit } from './sign_in.mjs';
import { go } from './steps.mjs';

const open = (path) => ({ page }) => page.goto(`${web}${path}`);

/** One's own page among the people, or that of who may not be changed. */
const inPeople = (name) => async (visit) => {
  await visit.page.goto(`${web}/admin/people?q=${name}`);
  return go(visit.page, () => visit.page.locator('tbody a').first().click());
};

/** Something that is opened on a page, and stays open. */
const opened = (path, what, shown) => async ({ page }) => {
  await page.goto(`${web}${path}`);
  await what(page);
  await page.locator(shown).first().waitFor();
};
const button = (target) => (page) => page.locator(`[popovertarget="${target}"]`).first().click();

export const STATES = {
  member: {
    'empty folder': (visit) => visit.page.goto(`${web}${visit.folder}`),
    'nothing found': open('/mail/search?q=zwiebelturm'),
    'nobody is let in': open('/admin/domains'),
    'undo bar': async ({ page }) => {
      const answer = await discard(page);
      // It stays as long as it has the focus.
      await page.locator('#toasts button').focus();
      return answer;
    },
    'account menu': opened('/mail', button('account'), '#account'),
    'move menu': opened('/mail', button('list-move'), '#list-move'),
    keys: opened('/mail', (page) => page.keyboard.press('?'), 'dialog[open]'),
    'folder with a name that is taken': async ({ page }) => {
      await page.goto(`${web}/mail/folders`);
      await page.locator('#name').fill(FOLDER);
      return submit(page, '#name');
    },
    'message that can’t be sent': async ({ page }) => {
      await page.goto(`${web}/mail/compose`);
      await page.locator('#to').fill('nobody@example.test, Grandmother');
      await page.locator('#subject').fill('To nobody');
      return go(page, () => page.locator('.compose-foot [value="send"]').click());
    },
    'proof asked for': async ({ page }) => {
      sql("UPDATE web_session SET proved_at = proved_at - interval '1 hour'");
      return page.goto(`${web}/settings/second-factor`);
    },
  },
  admin: { 'own page': inPeople('bruno'), 'page of an owner': inPeople('ada') },
  owner: {
    'own page': inPeople('ada'),
    dialog: async (visit) => {
      await inPeople('greta')(visit);
      await visit.page.locator('[data-dialog="dialog-suspend"]').click();
      await visit.page.locator('dialog[open]').waitFor();
    },
    'nobody found': open('/admin/people?q=zwiebelturm'),
    'proof asked for, with a code': async ({ page }) => {
      sql("UPDATE web_session SET proved_at = proved_at - interval '1 hour'");
      return page.goto(`${web}/settings/second-factor`);
    },
  },
};
