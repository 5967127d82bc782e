// What holds a message, tried with the hostile ones unwashed: bare they do harm, so that corpus and collectors are alive; in
// the frame they do none. The washing is a second wall, and is tried in frame.mjs.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { canary } from './lib/canary.mjs';
import { corpus } from './lib/corpus.mjs';
import { fresh, launch } from './lib/launch.mjs';
import { none } from './lib/watch.mjs';

const SANDBOX = 'allow-same-origin allow-popups allow-popups-to-escape-sandbox';
const BARE = { 'content-type': 'text/html; charset=utf-8' };
const HELD = {
  ...BARE,
  'content-security-policy':
    `sandbox ${SANDBOX}; default-src 'none'; style-src 'unsafe-inline'; img-src data:; form-action 'none'; ` +
    "base-uri 'none'; frame-ancestors 'self'",
};
// Those whose text is HTML as it stands.
const LETTERS = corpus.filter(({ head }) => /^Content-Type: text\/html; charset=utf-8\r?$/m.test(head) && /8bit/.test(head));

let server;
let own;
let trap;
let browser;

before(async () => {
  server = createServer(({ url }, response) => {
    const [, how, name] = url.split('/');
    const letter = corpus.find((one) => one.name === name)?.body ?? '';
    const frame = `<!doctype html><title>A page</title><iframe title="Message" sandbox="${SANDBOX}" src="/in/${name}"></iframe>`;
    const [headers, text] = { bare: [BARE, letter], in: [HELD, letter], held: [BARE, frame] }[how] ?? [BARE, ''];
    response.writeHead(200, headers).end(text);
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  own = `http://127.0.0.1:${server.address().port}`;
  trap = await canary();
  browser = await launch({ canary: trap.port });
});

after(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
  await trap.close();
});

/** Which of the letters made a noise, until there are enough. */
async function noises(how, enough = Infinity) {
  const loud = [];
  const { context, watch } = await fresh(browser, {}, [own]);
  const page = await context.newPage();
  for (const { name } of LETTERS) {
    if (loud.length >= enough) break;
    await page.goto(`${own}/${how}/${name}`, { timeout: 5000 }).catch(() => {});
    const seen = (await watch.take()).filter((fault) => /^(dialog|page error)/.test(fault));
    // Chromium connects to the host of a frame that it then refuses: the washing has to take frames out.
    const { hits } = trap.take();
    const title = await page.title().catch(() => 'gone');
    if (seen.length || hits.length || title === 'canary') loud.push(`${name}: ${[...seen, ...hits, title].join(', ')}`);
  }
  await context.close();
  return loud;
}

test('there are enough of them', () => assert.ok(LETTERS.length >= 60, `${LETTERS.length}`));

test('bare they do harm', async () => assert.equal((await noises('bare', 20)).length, 20));

test('in the frame they do none', async () => none(await noises('held')));
