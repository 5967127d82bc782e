// Hostile messages in the reader: nothing of them runs, nothing of them reaches another host, whatever the reader does with
// them short of letting images in, and then images alone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { canary } from './lib/canary.mjs';
import { corpus } from './lib/corpus.mjs';
import { frameFaults, sandboxFaults } from './lib/frame.mjs';
import { fresh, launch } from './lib/launch.mjs';
import { artefact, member, web } from './lib/place.mjs';
import { landed, signIn } from './lib/sign_in.mjs';
import { deliver } from './lib/smtp.mjs';
import { none } from './lib/watch.mjs';

const reader = member('greta');
let trap;
let browser;
let context;
let watch;
let page;
/** The messages that arrived, with their addresses; the oldest first. */
const arrived = [];

before(async () => {
  trap = await canary();
  browser = await launch({ canary: trap.port });
  ({ context, watch } = await fresh(browser));
  page = await context.newPage();
  await signIn(page, reader);
  for (const message of corpus) {
    // One that the mail door itself turns away has done its worst.
    if (/^250/.test(await deliver(message.raw, reader.address))) arrived.push(message);
  }
  await page.goto(`${web}/mail`);
  const newest = new URL(await page.locator('[data-row] a').first().getAttribute('href'), web).pathname;
  const [, box, uid] = newest.match(/^\/mail\/(\d+)\/(\d+)$/);
  arrived.forEach((message, at) => Object.assign(message, { box, uid: Number(uid) - (arrived.length - 1 - at) }));
});

after(async () => {
  await browser?.close();
  await trap?.close();
});

/** Nothing ran: no dialog, no title but the page's own, and nobody else was asked. */
async function quiet(response, where) {
  const faults = await watch.take();
  const sent = await page.evaluate((source) => new DOMParser().parseFromString(source, 'text/html').title, await response.text());
  if ((await page.title()) !== sent) faults.push(`the title became ${await page.title()}`);
  const { hits, connections } = trap.take();
  if (hits.length || connections) faults.push(`${connections} connections to the canary: ${hits.join(', ')}`);
  if (context.pages().length > 1) faults.push('a window was opened');
  none([...faults, ...(await sandboxFaults(page))], where);
}

async function open(path, where) {
  const response = await page.goto(`${web}${path}`);
  assert.equal(response.status(), 200, where);
  await quiet(response, where);
}

/** What the frame is filled with. */
async function inFrame(path, options, where) {
  const body = await context.request.get(`${web}${path}`);
  none(frameFaults(body.headers(), await body.text(), options), where);
}

let images = 0;

/** Lets images in for this once, where there are any: they alone are asked for. */
async function withImages(where) {
  const once = page.locator('button[name="remote"][value="once"]');
  if (!(await once.count())) return;
  watch.allowed = (request) => request.resourceType() === 'image' && new URL(request.url()).protocol === 'https:';
  const there = landed(page);
  await once.click();
  await there;
  await page.waitForLoadState('networkidle');
  none(await watch.take(), `${where}, images let in`);
  const { hits } = trap.take();
  images += hits.length;
  assert.ok(hits.every((hit) => hit.startsWith('GET ')), hits.join());
  watch.allowed = () => false;
  const frame = await page.locator('iframe.msg').first().getAttribute('src');
  await inFrame(frame, { remote: true }, `${where}, images let in`);
}

test('nearly all of them arrive', () => assert.ok(arrived.length >= 60 && arrived.length > corpus.length * 0.9, `${arrived.length}`));

for (const { name, vector } of corpus) {
  test(`${name}: ${vector}`, async (t) => {
    const message = arrived.find((one) => one.name === name);
    if (!message) return t.diagnostic('turned away at the door');
    const { box, uid } = message;
    try {
      await open(`/mail/${box}/${uid}`, 'reading');
      await inFrame(`/mail/${box}/${uid}/body`, {}, 'the frame');
      await withImages('reading');
      for (const [path, where] of [
        [`/mail/${box}/${uid}/print`, 'printing'],
        [`/mail/${box}/${uid}/headers`, 'its header fields'],
        [`/mail/compose?reply=${box}.${uid}`, 'replying'],
        [`/mail/compose?forward=${box}.${uid}`, 'forwarding'],
      ]) {
        await open(path, where);
      }
    } catch (error) {
      await page.screenshot({ path: artefact(`${name}.png`) });
      throw error;
    }
  });
}

test('the reader who lets images in sees them', () => assert.ok(images > 10, `${images}`));
