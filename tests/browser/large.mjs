// Reading mail with text of twice the size (WCAG 1.4.4, 1.4.10), with the system's own colours, and without movement.

import assert from 'node:assert/strict';
import { after, before, test } from 'node:test';
import { layoutFaults } from './lib/checks.mjs';
import { fresh, launch } from './lib/launch.mjs';
import { artefact, member, web } from './lib/place.mjs';
import { signIn } from './lib/sign_in.mjs';
import { none } from './lib/watch.mjs';

const SIZES = [
  { width: 1240, height: 900 },
  { width: 390, height: 800 },
];

let browser;
before(async () => (browser = await launch()));
after(() => browser?.close());

/** Text that its own box cuts off, where nothing says so by an ellipsis, and text under other text. */
const cutText = (page) =>
  page.evaluate(() => {
    const faults = [];
    const told = (what, element) => faults.push(`${what}: ${element.outerHTML.slice(0, 120)}`);
    const own = (element) => [...element.childNodes].some((node) => node.nodeType === 3 && node.data.trim());
    for (const element of document.body.querySelectorAll('*')) {
      if (!own(element) || element.closest('.hidden, svg') || !element.checkVisibility({ visibilityProperty: true })) continue;
      const range = document.createRange();
      range.selectNodeContents(element);
      for (let box = element; box && box !== document.body; box = box.parentElement) {
        const { overflowX, overflowY, textOverflow, webkitLineClamp, position } = getComputedStyle(box);
        if (position === 'fixed') break;
        // What can be scrolled to is not lost, and an ellipsis tells of what is.
        if (/auto|scroll/.test(overflowX + overflowY) || textOverflow === 'ellipsis' || webkitLineClamp !== 'none') break;
        if (!/hidden|clip/.test(overflowX + overflowY)) continue;
        const [text, room] = [range.getBoundingClientRect(), box.getBoundingClientRect()];
        if (text.width && (text.right > room.right + 2 || text.left < room.left - 2 || text.bottom > room.bottom + 2 || text.top < room.top - 2)) {
          told('cut', element);
          break;
        }
      }
    }
    return faults;
  });

/** Boxes of words and buttons that lie on one another. */
const overlaps = (page) =>
  page.evaluate(() => {
    // What stays in view while the rest moves lies on it by design.
    const stays = (one) => one && (/sticky|fixed/.test(getComputedStyle(one).position) || stays(one.parentElement));
    const seen = [...document.querySelectorAll('main button, main a, main h1, main h2, main summary, main label')].filter(
      (one) => one.checkVisibility({ visibilityProperty: true }) && !one.closest('.hidden, [popover], .toasts') && !stays(one) && one.getClientRects().length,
    );
    const faults = [];
    seen.forEach((one, at) => {
      const a = one.getBoundingClientRect();
      for (const other of seen.slice(at + 1)) {
        if (one.contains(other) || other.contains(one)) continue;
        const b = other.getBoundingClientRect();
        const wide = Math.min(a.right, b.right) - Math.max(a.left, b.left);
        const high = Math.min(a.bottom, b.bottom) - Math.max(a.top, b.top);
        if (wide > 3 && high > 3) faults.push(`${one.outerHTML.slice(0, 80)} lies on ${other.outerHTML.slice(0, 80)}`);
      }
    });
    return faults;
  });

/** What still moves though movement is not wanted. */
const moving = (page) =>
  page.evaluate(() =>
    document.getAnimations().filter((one) => one.effect?.getComputedTiming().activeDuration > 1).map((one) => `moves: ${one.effect.target?.outerHTML.slice(0, 100)}`),
  );

async function inAll(page, watch, name, path) {
  const faults = [];
  for (const size of SIZES) {
    await page.setViewportSize(size);
    const response = await page.goto(`${web}${path}`);
    assert.equal(response.status(), 200, path);
    await page.evaluate(() => (document.documentElement.style.fontSize = '200%'));
    const told = (list) => faults.push(...list.map((fault) => `${size.width}: ${fault}`));
    told([...(await layoutFaults(page)), ...(await cutText(page)), ...(await overlaps(page)), ...(await moving(page))]);
    await page.screenshot({ path: artefact(`${name}-large-${size.width}.png`), fullPage: true });
    await page.emulateMedia({ forcedColors: 'active' });
    await page.screenshot({ path: artefact(`${name}-forced-${size.width}.png`), fullPage: true });
    await page.emulateMedia({ forcedColors: null });
  }
  none([...faults, ...(await watch.take())], name);
}

test('what is wrong is noticed', async () => {
  const { context } = await fresh(browser, { reducedMotion: 'no-preference' });
  const page = await context.newPage();
  await page.setContent(
    `<style>@keyframes k { to { opacity: 0.5 } } p { animation: k 9s } div { overflow: hidden; height: 5px; width: 99px }
    button { position: absolute; top: 0 } p { overflow: hidden; text-overflow: ellipsis }</style>
    <main><div>cut in its height</div><p>moves</p><button>one</button><button>other</button></main>`,
  );
  const found = [...(await cutText(page)), ...(await overlaps(page)), ...(await moving(page))];
  assert.deepEqual(found.map((fault) => fault.match(/cut|lies on|moves/)[0]), ['cut', 'lies on', 'moves']);
  await context.close();
});

test('reading mail', async (t) => {
  const { context, watch } = await fresh(browser);
  const page = await context.newPage();
  await t.test('sign-in', () => inAll(page, watch, 'sign-in', '/sign-in'));
  await signIn(page, member('emi'));
  await page.goto(`${web}/mail`);
  const paths = await page.locator('[data-row] a').evaluateAll((all) => all.map((one) => one.getAttribute('href')));
  const attached = await page.locator('[data-row]:has(use[href$="#paperclip"]) a').first().getAttribute('href');
  const clear = await page.locator('#folders a', { hasText: 'Trash' }).first().getAttribute('href');
  const pages = {
    inbox: '/mail',
    message: paths[0],
    attachments: attached,
    print: `${attached}/print`,
    headers: `${attached}/headers`,
    search: '/mail/search?q=the',
    nothing: '/mail/search?q=nowhereatall',
    folders: '/mail/folders',
    trash: clear,
    compose: `/mail/compose?reply=${paths[0].match(/\d+\/\d+/)[0].replace('/', '.')}`,
    reading: '/settings/reading',
  };
  for (const [name, path] of Object.entries(pages)) await t.test(name, () => inAll(page, watch, name, path));
  await context.close();
});
