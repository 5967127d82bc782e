// Hostile messages in the reader: nothing of them runs, nothing of them reaches another host, whatever the reader does with
// them short of letting images in, and then images alone.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { corpus } from './lib/corpus.mjs';
import { frameFaults } from './lib/frame.mjs';
import { Reader } from './lib/hostile.mjs';
import { artefact, web } from './lib/place.mjs';
import { landed } from './lib/sign_in.mjs';
import { none } from './lib/watch.mjs';

// An image of the reader's own machine is not asked for over TLS, and so not at all; and the script that would tell of it, which
// is this test's own, does not run in the frame either.
const HELD = /^(console error: (Loading the image 'http:\/\/127\.0\.0\.1\/.* violates|Blocked script execution in '[^']*\/body\?pictures=)|failed request: http:\/\/127\.0\.0\.1\/\S* csp$)/;
// Chromium shows an image that stands alone with a style and a script of its own, which the policy holds too.
const VIEWER = /^console error: (Applying inline style violates|Blocked script execution in '[^']*\/preview')/;
const ALONE = /^sandbox; default-src 'none'$/;

let reader;
before(async () => (reader = await Reader.begin('greta')));
after(() => reader?.close());

const hrefs = (what) => reader.page.locator(what).evaluateAll((all) => all.map((one) => one.getAttribute('href')));

/** A message beside the empty end of its list: lists are looked at in names.mjs. */
const alone = (path) => `${path}?before=0.0`;

/** What the frame is filled with. */
async function inFrame(path, options, where) {
  const body = await reader.context.request.get(`${web}${path}`);
  none(frameFaults(body.headers(), await body.text(), options), where);
}

let images = 0;

/** Lets images in for this once, where there are any: they alone are asked for. */
async function withImages(where) {
  const { page, watch, trap } = reader;
  const once = page.locator('button[name="remote"][value="once"]');
  if (!(await once.count())) return;
  watch.allowed = (request) => request.resourceType() === 'image';
  const there = landed(page);
  await once.click();
  await there;
  await page.waitForLoadState('networkidle');
  none((await watch.take()).filter((fault) => !HELD.test(fault)), `${where}, images let in`);
  const { hits } = trap.take();
  images += hits.length;
  assert.ok(hits.every((hit) => hit.startsWith('GET ')), hits.join());
  watch.allowed = () => false;
  const frame = await page.locator('iframe.msg').first().getAttribute('src');
  await inFrame(frame, { remote: true }, `${where}, images let in`);
}

const counted = { saved: 0, previews: 0 };

/** What hangs on the message is saved as what nothing opens, and looked at where it does nothing. */
async function files(path, links) {
  for (const link of links) {
    assert.ok(link.startsWith(`${path}/part/`), link);
    if (link.endsWith('/preview')) {
      await preview(link);
      counted.previews += 1;
      continue;
    }
    const answer = await reader.context.request.get(`${web}${link}`);
    const headers = answer.headers();
    assert.equal(answer.status(), 200, link);
    assert.equal(headers['content-type'], 'application/octet-stream', link);
    assert.equal(headers['x-content-type-options'], 'nosniff', link);
    assert.match(headers['content-disposition'], /^attachment; filename="[^"\\]*"; filename\*=UTF-8''[\w.%-]+$/, link);
    assert.match(headers['content-security-policy'], ALONE, link);
    assert.equal(headers['set-cookie'], undefined, link);
    counted.saved += 1;
  }
}

async function preview(link) {
  const { response, faults } = await reader.look(reader.page, link);
  const isImage = (await response.headerValue('content-type')).startsWith('image/');
  const headers = await response.allHeaders();
  const text = isImage ? '' : await response.text();
  // What it still says when it is left belongs to it too.
  if (isImage) await reader.page.goto('about:blank');
  none([...faults, ...(await reader.heard())].filter((fault) => !(isImage && VIEWER.test(fault))), link);
  if (headers['content-type'].startsWith('text/html')) {
    none(frameFaults(headers, text), link);
    return;
  }
  assert.match(headers['content-type'], /^(text\/plain; charset=utf-8|image\/(png|jpeg|gif|webp))$/, link);
  assert.match(headers['content-security-policy'], ALONE, link);
}

test('nearly all of them arrive', () => {
  assert.ok(reader.arrived.length > corpus.length * 0.95, `${reader.arrived.length} of ${corpus.length}`);
});

for (const { name, vector } of corpus) {
  test(`${name}: ${vector}`, async (t) => {
    const message = reader.message(name);
    if (!message) return t.diagnostic('turned away at the door');
    const { path, spot } = message;
    try {
      const others = ['reply', 'reply-all', 'forward'].map((kind) => `/mail/compose?${kind}=${spot}`);
      await reader.openAll([`${path}/print`, `${path}/headers`, `${path}/source`, ...others], 'its other pages');
      await reader.open(alone(path), 'reading');
      const links = await hrefs('.attachments a');
      await inFrame(`${path}/body`, {}, 'the frame');
      await withImages('reading');
      await files(path, links);
    } catch (error) {
      await reader.page.screenshot({ path: artefact(`${name}.png`) });
      await reader.forget();
      throw error;
    }
  });
}

test('the reader who lets images in sees them', () => assert.ok(images > 10, `${images}`));

test('files were saved and looked at', (t) => {
  t.diagnostic(JSON.stringify(counted));
  assert.ok(counted.saved >= 30 && counted.previews >= 8, JSON.stringify(counted));
});
