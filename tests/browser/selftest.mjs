// The rig watched at work: pages with one fault each, and what has to notice it. A rig that is green whatever it is shown
// proves nothing.

import assert from 'node:assert/strict';
import { createServer } from 'node:http';
import { after, before, test } from 'node:test';
import { canary } from './lib/canary.mjs';
import { headerFaults, layoutFaults, pageFaults } from './lib/checks.mjs';
import { frameFaults } from './lib/frame.mjs';
import { htmlFaults } from './lib/html.mjs';
import { fresh, launch } from './lib/launch.mjs';
import { isNew } from './lib/look.mjs';
import { plainTexts } from './lib/pseudo.mjs';
import { routeOf } from './lib/routes.mjs';
import { code } from './lib/totp.mjs';
import { none } from './lib/watch.mjs';

const HEADERS = {
  'content-type': 'text/html; charset=utf-8',
  'cache-control': 'no-store',
  'content-security-policy':
    "default-src 'none'; script-src 'self'; style-src 'self'; img-src 'self' data:; font-src 'self'; connect-src 'self'; " +
    "frame-src 'self'; form-action 'self'; frame-ancestors 'none'; base-uri 'none'",
  'strict-transport-security': 'max-age=31536000',
  'x-content-type-options': 'nosniff',
  'cross-origin-opener-policy': 'same-origin',
  'cross-origin-resource-policy': 'same-origin',
  'referrer-policy': 'no-referrer',
  'permissions-policy': 'camera=(), microphone=()',
};
const CSS = `
  body { color: #1c1e20; background: #faf9f7; font: 15px sans-serif }
  .pale { color: #ddd }
  .narrow { width: 3rem; height: 1rem; overflow: hidden; white-space: nowrap }
  .wide { width: 4000px }
  .far { position: absolute; top: 5000px }`;
const SCRIPTS = {
  '/alert.js': "alert('hello')",
  '/error.js': "console.error('bad news')",
  '/throw.js': "throw new Error('thrown')",
  '/foreign.js': "fetch('http://elsewhere.test/x').catch(() => {})",
};

const FRAME = {
  'content-security-policy':
    "sandbox allow-same-origin allow-popups allow-popups-to-escape-sandbox; default-src 'none'; style-src 'unsafe-inline'; " +
    "img-src data:; form-action 'none'; base-uri 'none'; frame-ancestors 'self'",
};

/** A page without a fault, but for what is put into it. */
const page = (body = '', head = '') =>
  `<!doctype html><html lang="en" dir="ltr"><head><meta charset="utf-8"><title>A page</title>` +
  `<meta name="viewport" content="width=device-width"><link rel="icon" href="data:,"><link rel="stylesheet" href="/a.css">` +
  `${head}</head><body><main><h1>A page</h1><p>Some words.</p>${body}</main></body></html>`;

// Each: what is put into the page, and the words by which its fault is told.
const FAULTS = {
  'inline script': [page("<script>document.title = 'x'</script>"), ['inline script', 'CSP violation: script-src']],
  'style attribute': [page('<p style="color:red">x</p>'), ['<p> has style=', 'CSP violation: style-src']],
  'event attribute': [page('<p onclick="x()">x</p>'), ['<p> has onclick=']],
  'console error': [page('', '<script src="/error.js"></script>'), ['console error: bad news']],
  exception: [page('', '<script src="/throw.js"></script>'), ['page error: thrown']],
  dialog: [page('', '<script src="/alert.js"></script>'), ['dialog: alert: hello']],
  'missing image': [page('<img src="/none.png" alt="x">'), ['bad answer: 404']],
  'foreign image': [page('<img src="http://canary.example.test/p.gif" alt="x">'), ['foreign request', 'CSP violation: img-src']],
  'foreign fetch': [page('', '<script src="/foreign.js"></script>'), ['CSP violation: connect-src']],
  'pale text': [page('<p class="pale">Hardly to be read</p>'), ['color-contrast']],
  'field without label': [page('<input name="x">'), ['label: <input name="x">']],
  'two headings': [page('<h1>Another</h1>'), ['2 h1']],
  'no title': [page().replace('A page</title>', '</title>'), ['no title', 'document-title']],
  'no language': [page().replace(' lang="en"', ''), ['no lang']],
  'no direction': [page().replace(' dir="ltr"', ''), ['no dir']],
  'too wide': [page('<div class="wide">x</div>'), ['px wide in a window of 1240']],
  'far below': [page('<span class="far">x</span>'), ['px of nothing below the page']],
  'clipped button': [page('<button class="narrow">Many words that do not fit</button>'), ['clipped text']],
  'id twice': [page('<i id="a">x</i><i id="a">y</i>'), ['id a twice']],
  'unclosed element': [page('<section><p>x</section>'), ['</section> closes <p>']],
  'frame without title': [page('<iframe class="msg" sandbox="" src="/good"></iframe>'), ['frame without title']],
};

let server;
let own;
let browser;
let trap;
let tab;
let watch;

before(async () => {
  const answers = { '/good': page(), '/framed': page('<iframe class="msg" title="Message" sandbox="" src="/plain"></iframe>') };
  server = createServer((request, response) => {
    const path = new URL(request.url, 'http://x').pathname;
    const give = (type, text) => response.writeHead(200, { ...HEADERS, 'content-type': type }).end(text);
    if (path === '/a.css') give('text/css', CSS);
    else if (path in SCRIPTS) give('text/javascript', SCRIPTS[path]);
    else if (path === '/plain') response.writeHead(200, { 'content-type': 'text/html' }).end('<p>A message</p>');
    else {
      const text = answers[path] ?? FAULTS[decodeURIComponent(path.slice(1))]?.[0];
      response.writeHead(text ? 200 : 404, HEADERS).end(text ?? page());
    }
  }).listen(0, '127.0.0.1');
  await new Promise((done) => server.once('listening', done));
  own = `http://127.0.0.1:${server.address().port}`;
  trap = await canary();
  browser = await launch({ canary: trap.port });
  const first = await fresh(browser, {}, [own]);
  watch = first.watch;
  tab = await first.context.newPage();
});

after(async () => {
  await browser.close();
  server.closeAllConnections();
  server.close();
  await trap.close();
});

/** All faults of one page of ours. */
async function look(path) {
  const response = await tab.goto(`${own}${path}`);
  return [...(await pageFaults(tab, response, { signedIn: true })), ...(await watch.take())];
}

test('a good page has no fault', async () => none(await look('/good')));

test('a message in its frame keeps nobody from looking at the page', async () => none(await look('/framed')));

for (const [name, [, wanted]] of Object.entries(FAULTS)) {
  test(`noticed: ${name}`, async () => {
    const found = await look(`/${encodeURIComponent(name)}`);
    for (const words of wanted) assert.ok(found.some((fault) => fault.includes(words)), `${words} in ${found.join('\n')}`);
  });
}

test('a narrow window is measured by its own width', async () => {
  await tab.setViewportSize({ width: 390, height: 800 });
  await tab.goto(`${own}/good`);
  none(await layoutFaults(tab));
  await tab.goto(`${own}/too wide`);
  assert.match((await layoutFaults(tab)).join(), /in a window of 390/);
});

test('what differs by its texts alone is looked at once', async () => {
  const first = async (body) => {
    await tab.goto(`${own}/good`);
    await tab.evaluate((html) => (document.body.innerHTML = html), body);
    return isNew(tab, 'selftest');
  };
  assert.ok(await first('<header class="bar"><a href="/a">A</a></header><p class="x">One</p>'));
  assert.ok(!(await first('<p class="x">Another</p><p class="x">and one more</p>')));
  assert.ok(!(await first('<header class="bar"><b><a href="/a">A</a></b></header><p class="x">One</p>')));
  for (const body of ['<p class="y">One</p>', '<p class="x" hidden>One</p>', '<p class="x"><b>One</b></p>']) assert.ok(await first(body), body);
});

test('each header field is missed', () => {
  none(headerFaults(HEADERS, { signedIn: true }));
  for (const name of Object.keys(HEADERS).filter((name) => name !== 'content-type')) {
    const { [name]: _, ...rest } = HEADERS;
    assert.notDeepEqual(headerFaults(rest, { signedIn: true }), [], name);
  }
  const loose = HEADERS['content-security-policy'].replace("style-src 'self'", "style-src 'self' 'unsafe-inline'");
  assert.equal(headerFaults({ ...HEADERS, 'content-security-policy': loose }).length, 2);
});

test('sources are read as they were sent', () => {
  const icon = '<svg aria-hidden="true"><use href="#a"/></svg>';
  none(htmlFaults(page(`${icon}<textarea name="t">a < b <p onclick=x></textarea><!-- <p> --><br>`)));
  for (const bad of ['<p', '<b><i></b></i>', '</p>', '<p a=1 a=2></p>', '<a href="javascript:x()">x</a>', '<div/>', 'a < b']) {
    assert.notDeepEqual(htmlFaults(page(bad)), [], bad);
  }
});

test('texts of no catalogue are found', async () => {
  const body = '<p>[!! Ŝàý [!! ŧĥîš !!] !!] 12</p><p><bdi>Anna</bdi> <i translate="no">a@b.test</i></p>';
  await tab.goto(`${own}/good`);
  const texts = (html) => tab.evaluate((html) => (document.body.innerHTML = html), html).then(() => plainTexts(tab));
  assert.deepEqual(await texts(body), ['title: A page']);
  for (const bad of ['<p>[!! x !!] left</p>', '<img alt="left">', '<a title="left">[!! x !!]</a>', '<p>some-key</p>']) {
    assert.equal((await texts(bad)).length, 2, bad);
  }
});

test('the canary hears HTTP and HTTPS', async () => {
  trap.take();
  for (const scheme of ['http', 'https']) {
    await tab.goto(`${scheme}://canary.example.test/${scheme}`);
    const { hits, connections } = trap.take();
    assert.ok(hits.includes(`GET /${scheme}`) && connections > 0, hits.join());
  }
  assert.match((await watch.take()).join(), /foreign request: https:\/\/canary/);
  await assert.rejects(tab.goto('https://example.com/'), /ERR_NAME_NOT_RESOLVED/);
});

test('a link finds its route as the router does', () => {
  const routes = ['/mail', '/mail/{box}', '/mail/search', '/mail/{box}/{uid}', '/static/{hash}/{*name}', '/a.txt'];
  const found = { '/mail': '/mail', '/mail/7?before=x': '/mail/{box}', '/mail/search?q=1': '/mail/search', '/mail/7/8': '/mail/{box}/{uid}' };
  for (const [link, route] of Object.entries({ ...found, '/static/x/y/z.css': '/static/{hash}/{*name}' })) assert.equal(routeOf(link, routes), route);
  for (const link of ['/mails', '/mail/7/8/9', '/axtxt', '/']) assert.equal(routeOf(link, routes), undefined);
});

test('one-time codes are those of RFC 6238', () => {
  const secret = 'GEZDGNBVGY3TQOJQGEZDGNBVGY3TQOJQ';
  assert.equal(code(secret, 1), '287082');
  assert.equal(code(secret, Math.floor(20000000000 / 30)), '353130');
});

test('what a frame must not hold is found', () => {
  const good = '<!doctype html><title>x</title><p style="color:red"><img src="data:image/png;base64,AA==" alt=""><a href="https://a.test/">x</a></p>';
  none(frameFaults(FRAME, good));
  for (const bad of ['<script></script>', '<p onclick=x>', '<a href="java\tscript:x()">', '<svg>', '<meta http-equiv=refresh>', '<base href=x>', '<form>']) {
    assert.equal(frameFaults(FRAME, good + bad).length, 1, bad);
  }
  const loose = { 'content-security-policy': FRAME['content-security-policy'].replace('img-src data:', 'img-src *') };
  assert.equal(frameFaults(loose, good).length, 1);
});
