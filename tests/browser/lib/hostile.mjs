// A reader to whom the hostile messages were delivered, and what is true wherever they are looked at: nothing of them runs,
// nothing of them reaches another host, and the page stays ours.

import assert from 'node:assert/strict';
import { canary } from './canary.mjs';
import { corpus } from './corpus.mjs';
import { sandboxFaults } from './frame.mjs';
import { fresh, launch } from './launch.mjs';
import { member, web } from './place.mjs';
import { signIn } from './sign_in.mjs';
import { deliver } from './smtp.mjs';
import { none } from './watch.mjs';

// They turn their neighbours round (UAX #9), or are no text at all. Our own sentences hold what they name in isolates.
const UNSEEMLY = /[\u202a-\u202e\u2066\u2067\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g;

/** Of a text that a page shows as its own: what may not be in it. */
export function unseemly(text) {
  const faults = [...new Set(text.match(UNSEEMLY))].map((c) => `U+${c.codePointAt().toString(16)} in the page`);
  const count = (c) => text.split(c).length;
  return count('\u2068') === count('\u2069') ? faults : [...faults, 'an isolate that is not closed'];
}

export class Reader {
  /** The messages that arrived, each with its path; the oldest first. */
  arrived = [];
  /** Beside the page. */
  windows = [];

  /** Signs in and lets those of the corpus arrive that `wanted` says. */
  static async begin(local, wanted = () => true) {
    const reader = Object.assign(new Reader(), { who: member(local), trap: await canary() });
    reader.browser = await launch({ canary: reader.trap.port });
    Object.assign(reader, await fresh(reader.browser));
    reader.page = await reader.context.newPage();
    await signIn(reader.page, reader.who);
    for (const message of corpus.filter(wanted)) {
      // One that the mail door itself turns away has done its worst.
      if (/^250/.test(await deliver(message.raw, reader.who.address))) reader.arrived.push(message);
    }
    await reader.page.goto(`${web}/mail`);
    const newest = await reader.page.locator('[data-row]').first().getAttribute('data-row');
    const [box, uid] = newest.split('.').map(Number);
    reader.arrived.forEach((message, at) => {
      message.spot = `${box}.${uid - (reader.arrived.length - 1 - at)}`;
      message.path = `/mail/${message.spot.replace('.', '/')}`;
    });
    return reader;
  }

  /** The one whose name begins so. */
  message = (start) => this.arrived.find(({ name }) => name.startsWith(start));

  /** Goes to a page of ours and looks at it. */
  async open(path, where) {
    const { response, faults } = await this.look(this.page, path);
    none([...faults, ...(await this.heard())], where);
    return response;
  }

  /** Goes to several at once, each in a window of its own. */
  async openAll(paths, where) {
    while (this.windows.length < paths.length) this.windows.push(await this.context.newPage());
    const looks = await Promise.all(paths.map((path, at) => this.look(this.windows[at], path)));
    none([...looks.flatMap(({ faults }) => faults), ...(await this.heard())], where);
  }

  /** What is wrong with a page as it stands in a window. */
  async look(page, path) {
    const response = await page.goto(`${web}${path}`);
    assert.equal(response.status(), 200, path);
    return { response, faults: (await this.pageFaults(page, response)).map((fault) => `${path}: ${fault}`) };
  }

  async pageFaults(page, response) {
    const type = response ? await response.headerValue('content-type') : 'text/html';
    // A source is what it is.
    if (!type.startsWith('text/html')) return [];
    const faults = [...unseemly(await page.locator('body').innerText()), ...(await sandboxFaults(page))];
    if (response) {
      const source = await response.text();
      const sent = await page.evaluate((text) => new DOMParser().parseFromString(text, 'text/html').title, source);
      if ((await page.title()) !== sent) faults.push(`the title became ${await page.title()}`);
    }
    return faults;
  }

  /** Nothing ran and nobody else was asked, in any window: no dialog, no error, no window that we did not open. */
  async heard() {
    const { hits, connections } = this.trap.take();
    const reached = hits.length || connections ? [`${connections} connections to the canary: ${hits.join(', ')}`] : [];
    const strange = this.context.pages().length - this.windows.length - 1;
    return [...(await this.watch.take()), ...reached, ...(strange ? [`${strange} windows were opened`] : [])];
  }

  /** All of this about the page as it is now; `response`: what filled it. */
  async quiet(where, response) {
    none([...(await this.pageFaults(this.page, response)), ...(await this.heard())], where);
  }

  /** What one message did is not held against the next. */
  async forget() {
    await this.page.goto(`${web}/mail`);
    this.watch.allowed = () => false;
    await this.watch.take();
    this.trap.take();
  }

  async close() {
    await this.browser.close();
    await this.trap.close();
  }
}
