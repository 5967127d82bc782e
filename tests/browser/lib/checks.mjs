// What is true of every page.

import { axe, frameNames } from './axe.mjs';
import { htmlFaults } from './html.mjs';

const CSP = {
  'default-src': "'none'",
  'script-src': "'self'",
  'style-src': "'self'",
  'img-src': "'self' data:",
  'font-src': "'self'",
  'connect-src': "'self'",
  'frame-src': "'self'",
  'form-action': "'self'",
  'frame-ancestors': "'none'",
  'base-uri': "'none'",
};
const HEADERS = {
  'strict-transport-security': /^max-age=\d{7,}/,
  'x-content-type-options': /^nosniff$/,
  'cross-origin-opener-policy': /^same-origin$/,
  'cross-origin-resource-policy': /^same-origin$/,
  'referrer-policy': /^no-referrer$/,
  'permissions-policy': /=\(\)/,
};

/** What the header fields of a page's answer lack. */
export function headerFaults(headers, { signedIn = false } = {}) {
  const faults = [];
  const policy = headers['content-security-policy'] ?? '';
  const directives = new Map(
    policy.split(';').map((part) => part.trim().split(/\s+/)).map(([name, ...values]) => [name, values.join(' ')]),
  );
  for (const [name, value] of Object.entries(CSP)) {
    if (directives.get(name) !== value) faults.push(`CSP ${name} is ${directives.get(name)}`);
  }
  if (policy.includes('unsafe-')) faults.push(`CSP has unsafe-: ${policy}`);
  for (const [name, wanted] of Object.entries(HEADERS)) {
    if (!wanted.test(headers[name] ?? '')) faults.push(`${name} is ${headers[name]}`);
  }
  if (signedIn && !/\bno-store\b/.test(headers['cache-control'] ?? '')) {
    faults.push(`cache-control is ${headers['cache-control']}`);
  }
  return faults;
}

/** What is wrong with a page as the browser laid it out. */
export async function layoutFaults(page) {
  return page.evaluate(() => {
    const faults = [];
    const root = document.documentElement;
    const headings = document.querySelectorAll('h1').length;
    if (headings !== 1) faults.push(`${headings} h1`);
    if (!document.title.trim()) faults.push('no title');
    if (!root.lang) faults.push('no lang');
    if (!['ltr', 'rtl'].includes(root.dir)) faults.push('no dir');
    if (root.scrollWidth > innerWidth) faults.push(`${root.scrollWidth} px wide in a window of ${innerWidth}`);
    // What is placed outside of all that scrolls, such as words for screen readers, can make the page longer than it is.
    const end = Math.max(innerHeight, document.body.getBoundingClientRect().bottom + scrollY);
    if (root.scrollHeight > end + 1) faults.push(`${Math.round(root.scrollHeight - end)} px of nothing below the page`);
    const short = (element) => `${element.outerHTML.slice(0, 100)}`;
    for (const element of document.querySelectorAll('button, [role="button"], a.button, .chip')) {
      const { display, visibility } = getComputedStyle(element);
      // What has no box of its own cannot cut its text.
      if (['inline', 'none', 'contents'].includes(display) || visibility === 'hidden' || !element.clientHeight) continue;
      // What nobody is to see: words for screen readers, the button that Enter presses.
      if (element.closest('.hidden')) continue;
      if (element.scrollHeight > element.clientHeight + 1 || element.scrollWidth > element.clientWidth + 1) {
        faults.push(`clipped text: ${short(element)}`);
      }
    }
    return faults;
  });
}

/** What is wrong with a page as it was sent: `response` is what the navigation gave. */
export async function sentFaults(response, { signedIn = false } = {}) {
  return [...headerFaults(await response.allHeaders(), { signedIn }), ...htmlFaults(await response.text())];
}

/** Everything at once about a page that was just gone to, as it is now. Lines, none when all is well. */
export async function pageFaults(page, response, options) {
  return [...(await sentFaults(response, options)), ...(await layoutFaults(page)), ...(await frameNames(page)), ...(await axe(page))];
}
