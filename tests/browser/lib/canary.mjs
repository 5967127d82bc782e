// A server that a hostile message would like to reach. Whoever connects is a hit; who asks is answered with an image.

import { execFileSync } from 'node:child_process';
import { readFileSync, mkdtempSync, rmSync } from 'node:fs';
import { createServer as http } from 'node:http';
import { createServer as https } from 'node:https';
import { createServer as tcp } from 'node:net';
import { tmpdir } from 'node:os';
import { join } from 'node:path';

const PIXEL = Buffer.from('R0lGODlhAQABAIAAAP///wAAACH5BAEAAAAALAAAAAABAAEAAAICRAEAOw==', 'base64');

function certificate() {
  const folder = mkdtempSync(join(tmpdir(), 'canary-'));
  const [key, cert] = ['key.pem', 'cert.pem'].map((name) => join(folder, name));
  const subject = ['-subj', '/CN=canary.example.test', '-addext', 'subjectAltName=DNS:canary.example.test'];
  const kind = ['-newkey', 'ec', '-pkeyopt', 'ec_paramgen_curve:P-256', '-nodes', '-days', '2'];
  execFileSync('openssl', ['req', '-x509', ...kind, ...subject, '-keyout', key, '-out', cert], { stdio: 'ignore' });
  const pair = { key: readFileSync(key), cert: readFileSync(cert) };
  rmSync(folder, { recursive: true });
  return pair;
}

/** Starts it on a free port; HTTP and HTTPS both, told apart by the first byte (RFC 8446 §5.1: a handshake is 22). */
export async function canary() {
  const hits = [];
  const answer = (request, response) => {
    hits.push(`${request.method} ${request.url}`);
    response.writeHead(200, { 'content-type': 'image/gif', 'access-control-allow-origin': '*' }).end(PIXEL);
  };
  const [plain, secure] = [http(answer), https(certificate(), answer)];
  let connections = 0;
  const sockets = new Set();
  const server = tcp((socket) => {
    connections += 1;
    sockets.add(socket);
    socket.on('close', () => sockets.delete(socket)).on('error', () => {});
    socket.once('data', (first) => {
      socket.pause();
      socket.unshift(first);
      (first[0] === 22 ? secure : plain).emit('connection', socket);
      // TLS takes what was put back by itself, and only from a socket that rests.
      process.nextTick(() => socket.resume());
    });
  });
  await new Promise((done) => server.listen(0, '127.0.0.1', done));
  return {
    port: server.address().port,
    /** Requests since the last time, and how many connections there were. */
    take() {
      const seen = { hits: hits.splice(0), connections };
      connections = 0;
      return seen;
    },
    close: () => {
      sockets.forEach((socket) => socket.destroy());
      return new Promise((done) => server.close(done));
    },
  };
}
