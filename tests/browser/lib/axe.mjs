// Accessibility as far as a program can tell: axe-core's rules for WCAG 2.2 AA and its best practice.

import { axeSource } from './modules.mjs';

const TAGS = ['wcag2a', 'wcag2aa', 'wcag21aa', 'wcag22aa', 'best-practice'];

/**
 * What axe finds on a page, each as one line. `only` names rules where the rest cannot differ from an earlier look.
 * The message's frame runs no script, axe's neither: it is left out, and its name is checked by `frameNames`.
 */
export async function axe(page, only) {
  if (!(await page.evaluate(() => 'axe' in window))) await page.evaluate(axeSource);
  return page.evaluate(
    async ({ tags, only }) => {
      const runOnly = only ? { type: 'rule', values: only } : { type: 'tag', values: tags };
      const context = { exclude: [['iframe.msg']] };
      const { violations } = await window.axe.run(context, { runOnly, iframes: false, resultTypes: ['violations'] });
      return violations.flatMap(({ id, nodes }) =>
        nodes.map((node) => `${id}: ${node.html.slice(0, 160)} – ${node.failureSummary.split('\n').slice(1).join(' ').trim()}`),
      );
    },
    { tags: TAGS, only },
  );
}

/** Frames that have no title a screen reader could say. */
export async function frameNames(page) {
  const nameless = await page.$$eval('iframe', (frames) => frames.filter((one) => !one.title.trim()).map((one) => one.outerHTML));
  return nameless.map((frame) => `frame without title: ${frame}`);
}
