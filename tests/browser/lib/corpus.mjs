// The hostile messages that the Rust tests read too: one vector each, told by its field X-Vector.

import { readFileSync, readdirSync } from 'node:fs';

const FOLDER = process.env.MAILSTEAD_CORPUS ?? new URL('../../corpus/html/', import.meta.url).pathname;

/** All of them in order: name, octets, what is tried, and the part after the head. */
export const corpus = readdirSync(FOLDER).filter((name) => name.endsWith('.eml')).sort().map((name) => {
  const raw = readFileSync(`${FOLDER}/${name}`);
  const text = raw.toString('utf8');
  const [head] = text.split(/\r?\n\r?\n/, 1);
  return { name, raw, vector: head.match(/^X-Vector: (.*)$/m)?.[1], head, body: text.slice(head.length).trimStart() };
});
