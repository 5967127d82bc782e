// A page, or a state of one, in every light: both themes, each width, large text, forced colours.

import { axe, frameNames } from './axe.mjs';
import { layoutFaults, sentFaults } from './checks.mjs';
import { artefact } from './place.mjs';
import { none } from './watch.mjs';

const WIDE = { width: 1240, height: 900 };
const NARROW = { width: 390, height: 800 };
/** What is left of 1280 px at a zoom of 400 % (WCAG 1.4.10). */
const NARROWEST = { width: 320, height: 640 };

// The shapes of all that was looked at, by kind of page.
const known = new Map();

/**
 * Whether the page has an element unlike all that pages of its kind had so far; then there is something new to see. The
 * bar on top depends on the role alone.
 */
export async function isNew(page, kind) {
  const shapes = await page.evaluate(() => {
    const values = ['class', 'role', 'type', 'aria-current', 'aria-invalid'];
    const one = ({ localName, attributes }) => {
      const said = [...attributes].map(({ name, value }) => (values.includes(name) ? `${name}=${value}` : name));
      return `${localName} ${said.sort().join(' ')}`;
    };
    const all = [...document.querySelectorAll('body, body *')].filter((element) => !element.closest('.bar'));
    return [...new Set(all.map((element) => `${one(element.parentElement)} > ${one(element)}`))];
  });
  const before = known.get(kind);
  known.set(kind, new Set([...(before ?? []), ...shapes]));
  return !before || shapes.some((shape) => !before.has(shape));
}

/**
 * What is wrong with the page that is open. `answer` is what the navigation gave that led to it, nothing where none did;
 * `at` is where its pictures go. Of a page whose like was looked at in all its parts before, as another role has it, other
 * texts are left to differ: their length can spoil the layout, but no colour, name or role.
 */
export async function faultsInEveryLight(page, answer, at, { kind = at.join('/'), signedIn = false } = {}) {
  const before = page.viewportSize();
  await page.setViewportSize(WIDE);
  const full = await isNew(page, kind);
  const faults = answer ? await sentFaults(answer, { signedIn }) : [];
  const told = (where, list) => faults.push(...list.map((fault) => `${where}: ${fault}`));
  const shot = (look) => page.screenshot({ path: artefact(...at.slice(0, -1), `${at.at(-1)}-${look}.png`), fullPage: true });
  const size = (viewport) => page.setViewportSize(viewport);
  const media = (emulated) => page.emulateMedia(emulated);

  if (full) {
    told('wide', [...(await frameNames(page)), ...(await axe(page))]);
    await shot('light-1240');
    // Colours alone depend on the theme.
    await media({ colorScheme: 'dark' });
    told('dark', await axe(page, ['color-contrast']));
    await shot('dark-1240');
    await size(NARROW);
    told('dark, narrow', await axe(page, ['color-contrast']));
    await shot('dark-390');
    await media({ colorScheme: 'light' });
    told('narrow', await axe(page));
    await shot('light-390');
  }
  for (const viewport of [WIDE, NARROW, NARROWEST]) {
    await size(viewport);
    const cut = await layoutFaults(page);
    told(`${viewport.width} px`, cut);
    if (cut.length) await shot(`fault-${viewport.width}`);
  }
  // Text of twice the size (WCAG 1.4.4): nothing is cut, nothing goes out of the window.
  await size(WIDE);
  await page.evaluate(() => (document.documentElement.style.fontSize = '200%'));
  told('large text', await layoutFaults(page));
  if (full) {
    await media({ forcedColors: 'active' });
    await shot('forced-1240');
    await media({ forcedColors: null });
  }
  await page.evaluate(() => document.documentElement.removeAttribute('style'));
  await size(before);
  return faults;
}

const seen = new Set();

/** The same as an assertion, where a page comes up in a walk; the first time is enough. */
export async function look(page, answer, name, options) {
  if (seen.has(name)) return;
  seen.add(name);
  none(await faultsInEveryLight(page, answer, [name], options), name);
}
