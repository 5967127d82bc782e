// Time-based one-time codes (RFC 6238): HMAC-SHA-1, six digits, thirty seconds.

import { createHmac } from 'node:crypto';

const LETTERS = 'ABCDEFGHIJKLMNOPQRSTUVWXYZ234567';
const STEP = 30_000;
// A step that was used is not taken again (RFC 6238 §5.2).
const used = new Map();

/** The bytes of a base32 text (RFC 4648 §6); spaces and case do not count. */
export function base32(text) {
  const bits = [...text.toUpperCase().replace(/[\s=-]/g, '')].map((letter) => LETTERS.indexOf(letter).toString(2).padStart(5, '0'));
  return Buffer.from(bits.join('').match(/.{8}/g).map((byte) => parseInt(byte, 2)));
}

/** The code of a step. */
export function code(secret, step) {
  const counter = Buffer.alloc(8);
  counter.writeBigUInt64BE(BigInt(step));
  const mac = createHmac('sha1', base32(secret)).update(counter).digest();
  const at = mac[19] & 15;
  return String((mac.readUInt32BE(at) & 0x7fffffff) % 1_000_000).padStart(6, '0');
}

/** A code that is taken now and was not used by us before; it waits for one where it must. */
export async function nextCode(secret) {
  const now = (ahead = 0) => Math.floor((Date.now() + ahead) / STEP);
  // The server takes the step before and the one after too: three sign-ins need no waiting. The step before goes out of
  // date when this one ends: near that end it is not begun with.
  const step = Math.max(now(STEP / 2) - 1, (used.get(secret) ?? 0) + 1);
  while (step > now() + 1) await new Promise((done) => setTimeout(done, 500));
  used.set(secret, step);
  return code(secret, step);
}
