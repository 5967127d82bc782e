// All pages in the language that nobody speaks: what can be read is in no catalogue.

import { after, before, test } from 'node:test';
import { fresh, launch } from './lib/launch.mjs';
import { artefact, web } from './lib/place.mjs';
import { plainTexts } from './lib/pseudo.mjs';
import { Visit } from './lib/visit.mjs';
import { none } from './lib/watch.mjs';

let browser;
before(async () => (browser = await launch()));
after(() => browser.close());

for (const role of ['out', 'owner']) {
  test(`as ${role}`, async (t) => {
    const { context, watch } = await fresh(browser, { locale: 'en-XA' });
    const visit = new Visit(role, await context.newPage());
    await visit.begin();
    for (const route of visit.routes().filter((one) => visit.fate(one) === 'page')) {
      await t.test(route.path, async () => {
        await visit.page.goto(`${web}${visit.address(route)}`);
        await visit.harvest();
        const faults = await plainTexts(visit.page);
        if (faults.length) await visit.page.screenshot({ path: artefact(role, `${route.path.replace(/\W+/g, '_')}.png`) });
        none(faults);
      });
    }
    await t.test('what is not there', async () => {
      await visit.page.goto(`${web}/no/such/page`);
      none(await plainTexts(visit.page));
    });
    none(await watch.take());
    await context.close();
  });
}
