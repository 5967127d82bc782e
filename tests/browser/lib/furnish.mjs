// What a member of the demo has not yet: done on the web as they would do it, so that every page has an address. Found by
// names and addresses: the pages may be in any language.

import { member, web } from './place.mjs';
import { submit } from './sign_in.mjs';
import { deliver } from './smtp.mjs';
import { nextCode } from './totp.mjs';
import { go, until } from './steps.mjs';

export const FOLDER = 'Keepsakes for the many grandchildren';
const SUBJECT = 'All that can hang on a message';
const BOUNDARY = 'furnished';

/** A part of a message; `octets` go in base64. */
const part = (kind, octets, name) =>
  [
    `--${BOUNDARY}`,
    `Content-Type: ${kind}`,
    ...(name ? [`Content-Disposition: attachment; filename="${name}"`] : []),
    ...(kind === 'message/rfc822' ? ['', octets] : ['Content-Transfer-Encoding: base64', '', octets.toString('base64').replace(/.{76}/g, '$&\n')]),
  ].join('\n');

const head = ({ to, subject, id, answers }) =>
  [
    'From: Eve Weber <eve@elsewhere.test>',
    `To: <${to}>`,
    `Subject: ${subject}`,
    `Date: ${new Date().toUTCString()}`,
    `Message-ID: <${id}.${to}>`,
    ...(answers ? [`In-Reply-To: <${answers}.${to}>`] : []),
    'MIME-Version: 1.0',
  ].join('\n');

/** A conversation: a question, and an answer with files to look at, a message inside, a program and a picture far away. */
async function letters(to, picture) {
  const question = `${head({ to, subject: SUBJECT, id: 'question' })}\n\nWhat can hang on a message?\n`;
  const html = Buffer.from('<p>A picture of my own, and these.</p><p><img src="https://pictures.elsewhere.test/a.png" alt="a"></p>');
  const answer = [
    `${head({ to, subject: `Re: ${SUBJECT}`, id: 'answer', answers: 'question' })}\nContent-Type: multipart/mixed; boundary=${BOUNDARY}\n`,
    part('text/html; charset=utf-8', html),
    part('text/plain', Buffer.from('Of the pond, and of the bench beside it.\n'), 'minutes.txt'),
    part('image/png', picture, 'a very long name without any end, of the-village-as-it-is-seen-from-the-hill.png'),
    part('message/rfc822', question),
    part('application/octet-stream', Buffer.from('MZ..'), 'game.exe'),
    `--${BOUNDARY}--\n`,
  ].join('\n');
  for (const letter of [question, answer]) await deliver(Buffer.from(letter), to);
}

async function folder(visit) {
  const { page } = visit;
  await page.goto(`${web}/mail/folders`);
  await page.locator('#name').fill(FOLDER);
  await submit(page, '#name');
  const [href] = await visit.collect('a[href^="/mail/folders/"]');
  return href.replace('/folders', '');
}

async function draft({ page, links }, picture) {
  await page.goto(`${web}/mail/compose`);
  await page.locator('#to').fill(member('lars').address);
  await page.locator('#subject').fill('A proposal');
  await page.locator('#body').fill('Dear Lars,\n\nthe bench by the pond');
  const file = { name: 'the-footbridge-over-the-mill-stream.png', mimeType: 'image/png', buffer: picture };
  await page.setInputFiles('#file', file);
  await page.locator('[data-files] button[value^="remove."]').waitFor();
  await page.waitForURL(/\/mail\/compose\/\d+$/);
  links.add(new URL(page.url()).pathname);
}

async function read(visit) {
  const row = visit.page.locator('[data-list] [data-row]').filter({ hasText: `Re: ${SUBJECT}` });
  await until(async () => {
    await visit.page.goto(`${web}/mail`);
    return row.count();
  }, `mail for ${visit.who.address}`);
  visit.links.add(await row.first().getByRole('link').getAttribute('href'));
}

/** Throws something away, where there is not enough in Trash; the bar that brings it back stands on the page then. */
export async function discard(page) {
  await page.goto(`${web}/mail`);
  await page.locator('[data-row] input[name="pick"]').last().check();
  return go(page, () => page.locator('.list-head button[value="delete"]').click());
}

/** A folder that can be emptied. */
async function full(visit) {
  for (const href of await visit.collect('#folder-list a[href]')) {
    await visit.page.goto(`${web}${href}`);
    if ((await visit.collect('a[href$="/empty"]')).length) return;
  }
}

async function appPassword(visit) {
  await visit.page.goto(`${web}/settings/apps`);
  await visit.page.locator('#label').fill('The old laptop in the kitchen, with the sticker');
  await submit(visit.page, '#label');
}

/** A second factor, by choice. */
async function enrol({ page }) {
  await page.goto(`${web}/settings/second-factor`);
  await go(page, () => page.locator('main .button-primary').click());
  await page.locator('#code').fill(await nextCode(await page.locator('.secret').innerText()));
  await submit(page, '#code');
}

/** Somebody whom every admin looks after. */
async function person(visit) {
  await visit.page.goto(`${web}/admin/people?q=greta`);
  await visit.collect('tbody a[href^="/admin/people/"]');
}

/** Makes all of it; its addresses are known to the visit before any other. */
export async function furnish(visit) {
  if (visit.role === 'helper') await enrol(visit);
  visit.folder = await folder(visit);
  const picture = await visit.page.screenshot();
  await letters(visit.who.address, picture);
  await draft(visit, picture);
  await read(visit);
  await discard(visit.page);
  await full(visit);
  await appPassword(visit);
  if (['admin', 'owner'].includes(visit.role)) await person(visit);
}
