// Where the program under test is and who lives in it: told by the Rust test that runs the script.

import { execFileSync } from 'node:child_process';
import { mkdirSync, readFileSync } from 'node:fs';
import { dirname, join } from 'node:path';

const read = (name) => (process.env[name] ? JSON.parse(readFileSync(process.env[name], 'utf8')) : null);

/** DIR/demo.json: domain, web address, members. */
export const book = read('MAILSTEAD_BOOK');
/** DIR/ready.json: where each door listens. */
export const ready = read('MAILSTEAD_READY');
/** The web side's own address, without a slash at its end. */
export const web = (process.env.MAILSTEAD_WEB ?? book?.web ?? '').replace(/\/$/, '');

/** The port of a door's first place. */
export const port = (door) => Number(ready.listen[door][0].split(':').pop());

/** The member of the demo with this local part. */
export function member(local) {
  const found = book.members.find((one) => one.address.startsWith(`${local}@`));
  if (!found) throw new Error(`nobody is called ${local}`);
  return found;
}

/** A file of the test's own that is kept for whoever looks into a failure. */
export function artefact(...names) {
  const path = join(process.env.MAILSTEAD_ARTEFACTS, ...names);
  mkdirSync(dirname(path), { recursive: true });
  return path;
}

/** The data directory of the program. */
export const directory = () => dirname(process.env.MAILSTEAD_READY);

/** Changes what is stored, for what takes days or hours else. */
export function sql(statement) {
  const where = ['-h', join(directory(), 'postgres/run'), '-U', 'postgres', '-d', 'mailstead', '-v', 'ON_ERROR_STOP=1'];
  execFileSync('psql', [...where, '-Xqc', statement]);
}
