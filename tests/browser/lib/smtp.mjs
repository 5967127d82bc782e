// Mail from a stranger: one message over SMTP (RFC 5321), as its octets are.

import { connect } from 'node:net';
import { port } from './place.mjs';

/** Hands `raw` (a Buffer) in for `to`; gives the server's last words. Line ends alone are mended. */
export async function deliver(raw, to, from = 'eve@elsewhere.test') {
  const text = raw.toString('latin1').replace(/\r\n|\r|\n/g, '\r\n').replace(/^\./gm, '..');
  const data = `${text}${text.endsWith('\r\n') ? '' : '\r\n'}.\r\n`;
  const steps = ['EHLO elsewhere.test\r\n', `MAIL FROM:<${from}>\r\n`, `RCPT TO:<${to}>\r\n`, 'DATA\r\n', data, 'QUIT\r\n'];
  const socket = connect(port('smtp'), '127.0.0.1');
  let heard = '';
  let last = '';
  for await (const piece of socket.setEncoding('latin1')) {
    heard += piece;
    // The last line of a reply has a space after its code (RFC 5321 §4.2.1).
    if (!/^\d{3} .*\r\n$/m.test(heard)) continue;
    if (steps.length <= 1 || !/^[23]/.test(heard)) {
      last = heard.trim();
      socket.end('QUIT\r\n');
      break;
    }
    heard = '';
    socket.write(steps.shift(), 'latin1');
  }
  return last;
}
