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

// They turn their neighbours round (UAX #9), or are no text at all.
const UNSEEMLY = /[\u202a-\u202e\u2066-\u2069\0-\x08\x0b\x0c\x0e-\x1f\x7f-\x9f]/g;

/** Of a text that a page shows as its own: what may not be in it. */
export const unseemly = (text) => [...new Set(text.match(UNSEEMLY))].map((c) => `U+${c.codePointAt().toString(16)} in the page`);

export class Reader {
  /** The messages that arrived, each with its path; the oldest first. */
  arrived = [];

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
    const response = await this.page.goto(`${web}${path}`);
    assert.equal(response.status(), 200, where);
    await this.quiet(where, response);
    return response;
  }

  /** Nothing ran: no dialog, no window, no title but the page's own, and nobody else was asked. */
  async quiet(where, response) {
    const { page } = this;
    const faults = [...(await this.watch.take()), ...this.reached()];
    if (response) {
      const source = await response.text();
      const sent = await page.evaluate((text) => new DOMParser().parseFromString(text, 'text/html').title, source);
      if ((await page.title()) !== sent) faults.push(`the title became ${await page.title()}`);
    }
    if (this.context.pages().length > 1) faults.push('a window was opened');
    faults.push(...unseemly(await page.locator('body').innerText()));
    none([...faults, ...(await sandboxFaults(page))], where);
  }

  /** Who else was asked since the last time. */
  reached() {
    const { hits, connections } = this.trap.take();
    return hits.length || connections ? [`${connections} connections to the canary: ${hits.join(', ')}`] : [];
  }

  async close() {
    await this.browser.close();
    await this.trap.close();
  }
}
