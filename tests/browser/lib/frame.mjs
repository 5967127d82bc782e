// The frame in which a message is shown, and the policy that holds it.

import { activeParts } from './html.mjs';

const SANDBOX = 'allow-popups allow-popups-to-escape-sandbox allow-same-origin';
const POLICY = {
  sandbox: SANDBOX,
  'default-src': "'none'",
  'style-src': "'unsafe-inline'",
  'form-action': "'none'",
  'base-uri': "'none'",
  'frame-ancestors': "'self'",
};
const sorted = (text) => (text ?? '').split(/\s+/).sort().join(' ');

/** What is wrong with the answer that fills the frame; `remote`: the reader let images in. */
export function frameFaults(headers, source, { remote = false } = {}) {
  const faults = activeParts(source);
  const directives = new Map(
    (headers['content-security-policy'] ?? '').split(';').map((part) => part.trim().split(/\s+/)).map(([name, ...rest]) => [name, rest.join(' ')]),
  );
  const images = remote ? { 'img-src': 'data: https:', 'upgrade-insecure-requests': '' } : { 'img-src': 'data:' };
  const wanted = { ...POLICY, ...images };
  for (const [name, value] of Object.entries(wanted)) {
    if (sorted(directives.get(name)) !== sorted(value)) faults.push(`CSP ${name} is ${directives.get(name)}`);
  }
  for (const name of directives.keys()) if (!(name in wanted)) faults.push(`CSP has ${name}`);
  return faults;
}

/** What is wrong with the frames of a page: their sandbox and their names. */
export async function sandboxFaults(page) {
  const frames = await page.$$eval('iframe', (all) => all.map(({ title, attributes }) => [title, attributes.sandbox?.value]));
  return frames.flatMap(([title, sandbox]) => [
    ...(title.trim() ? [] : ['a frame without title']),
    ...(sorted(sandbox) === SANDBOX ? [] : [`a frame's sandbox is ${sandbox}`]),
  ]);
}
