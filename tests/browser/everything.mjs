// Every message of the demo, and the real ones where there are some: read and printed, on a telephone.

import assert from 'node:assert/strict';
import { readFileSync, readdirSync } from 'node:fs';
import { after, before, test } from 'node:test';
import { sandboxFaults } from './lib/frame.mjs';
import { fresh, launch } from './lib/launch.mjs';
import { artefact, book, web } from './lib/place.mjs';
import { signIn } from './lib/sign_in.mjs';
import { deliver } from './lib/smtp.mjs';
import { none } from './lib/watch.mjs';

const PHONE = { width: 390, height: 800 };
// Read at once.
const WINDOWS = 4;
// Who gets the real ones.
const READER = 'greta';

let browser;
const turnedAway = [];

before(async () => {
  browser = await launch();
  const folder = process.env.MAILSTEAD_MAILS;
  const names = folder ? readdirSync(folder).filter((name) => name.endsWith('.eml')).sort() : [];
  const { address } = book.members.find((one) => one.address.startsWith(`${READER}@`));
  for (const name of names) {
    const said = await deliver(readFileSync(`${folder}/${name}`), address);
    if (!/^250/.test(said)) turnedAway.push(`${name}: ${said}`);
  }
});
after(() => browser?.close());

/** All messages of a member: path, subject as their list has it, and all that it says. */
async function messages(page) {
  const found = new Map();
  await page.goto(`${web}/mail`);
  const folders = await page.locator('#folders a[href^="/mail"]').evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  for (const folder of folders.filter((one) => /^\/mail(\/\d+)?$/.test(one))) {
    for (let place = folder; place; ) {
      const response = await page.goto(`${web}${place}`);
      assert.equal(response.status(), 200, place);
      const rows = await page.locator('[data-list] [data-row]').evaluateAll((all) =>
        all.map((one) => ({
          path: `/mail/${one.dataset.row.replace('.', '/')}`,
          subject: one.querySelector('h2 > span:last-of-type bdi').textContent,
          key: one.querySelector('.row-link').textContent.replace(/\s+/g, ' '),
        })),
      );
      for (const { path, ...row } of rows) found.set(path, row);
      const next = page.locator('a[rel="next"]');
      place = (await next.count()) ? await next.getAttribute('href') : null;
    }
  }
  return found;
}

/** What the frame shows: words, pictures. */
const shown = (page) =>
  page.locator('iframe.msg').evaluate(async (frame) => {
    if (frame.contentDocument?.readyState !== 'complete' || frame.contentDocument.URL === 'about:blank') {
      await new Promise((done) => frame.addEventListener('load', done, { once: true }));
    }
    const { body } = frame.contentDocument;
    return { words: body.innerText.trim(), images: body.querySelectorAll('img').length };
  });

/** Subject and first words as the source says them, where that needs no decoding. */
async function plainly(context, path) {
  const raw = (await (await context.request.get(`${web}${path}/source`)).body()).toString('latin1');
  const [head, ...rest] = raw.split(/\r\n\r\n/);
  const fields = head.replace(/\r\n[ \t]+/g, ' ').split('\r\n');
  const field = (name) => fields.find((one) => one.toLowerCase().startsWith(`${name}:`))?.slice(name.length + 1).trim();
  const subject = field('subject');
  const simple = /^[ -~]*$/.test(subject ?? '') && !/=\?/.test(subject ?? '') && (subject ?? '').length < 250;
  const readable = /^(text\/plain\b.*)?$/i.test(field('content-type') ?? '') && /^(7bit)?$/i.test(field('content-transfer-encoding') ?? '');
  const words = readable && (rest.join(' ').match(/[A-Za-z]{3,}/g) ?? []).slice(0, 3);
  return { subject: simple ? (subject ?? '').replace(/\s+/g, ' ') : undefined, words: words || [] };
}

const tally = { messages: 0, subjects: 0, words: 0 };

async function look(page, path, subject) {
  const faults = [];
  // Beside the empty end of its list: it is the message that is looked at.
  const response = await page.goto(`${web}${path}?before=0.0`);
  assert.equal(response.status(), 200, path);
  const title = await page.getByRole('heading', { level: 1 }).textContent();
  if (title !== subject) faults.push(`the list says “${subject}”, the page “${title}”`);
  const frame = await shown(page);
  if (!frame.words && !frame.images) faults.push('nothing in the frame');
  const source = await plainly(page.context(), path);
  if (source.subject !== undefined) {
    tally.subjects += 1;
    if (title !== (source.subject || 'No subject')) faults.push(`the source says “${source.subject}”, the page “${title}”`);
  }
  for (const word of source.words) if (!frame.words.includes(word)) faults.push(`“${word}” is not in the frame`);
  tally.words += source.words.length;
  faults.push(...(await sandboxFaults(page)));
  const wide = () => page.evaluate(() => document.documentElement.scrollWidth - innerWidth);
  if ((await wide()) > 0) faults.push(`${await wide()} px too wide`);
  const print = await page.goto(`${web}${path}/print`);
  assert.equal(print.status(), 200, `${path}/print`);
  if (JSON.stringify(await shown(page)) !== JSON.stringify(frame)) faults.push('printed it says something else');
  if ((await wide()) > 0) faults.push(`printed ${await wide()} px too wide`);
  tally.messages += 1;
  return faults;
}

// The same message in several boxes is read once.
const read = new Set();

for (const member of book.members) {
  test(member.address, async () => {
    const { context, watch } = await fresh(browser, { viewport: PHONE });
    const pages = await Promise.all(Array.from({ length: WINDOWS }, () => context.newPage()));
    await signIn(pages[0], member);
    const all = [...(await messages(pages[0]))].filter(([, { key }]) => !read.has(key) && read.add(key));
    const faults = await watch.take();
    await Promise.all(
      pages.map(async (page) => {
        for (let next = all.shift(); next; next = all.shift()) {
          const [path, { subject }] = next;
          const found = await look(page, path, subject);
          if (found.length) await page.screenshot({ path: artefact(`${path.slice(6).replace('/', '.')}.png`) });
          faults.push(...found.map((fault) => `${path}: ${fault}`));
        }
      }),
    );
    faults.push(...(await watch.take()));
    await context.close();
    none(faults, member.address);
  });
}

test('there were enough to say so', (t) => {
  t.diagnostic(JSON.stringify({ ...tally, turnedAway }));
  assert.ok(tally.messages >= 150 && tally.subjects >= 120 && tally.words >= 9, JSON.stringify(tally));
  assert.ok(turnedAway.length <= 3, turnedAway.join('\n'));
});
