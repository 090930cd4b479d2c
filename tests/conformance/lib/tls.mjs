// Which versions of TLS an address takes (RFC 9325 §3.1.1).
import tls from 'node:tls';
import { demo } from '../../lib/demo.mjs';

// The version that is agreed on, or undefined when the handshake fails.
export function handshake(address, options) {
  const { hostname, port } = new URL(address);
  return new Promise((done) => {
    const socket = tls.connect({ host: hostname, port: Number(port || 443), ca: demo().ca, rejectUnauthorized: false, ciphers: 'DEFAULT@SECLEVEL=0', ...options });
    const end = (version) => {
      socket.destroy();
      done(version);
    };
    socket.setTimeout(5000, () => end(undefined));
    socket.once('secureConnect', () => end(socket.getProtocol()));
    socket.once('error', () => end(undefined));
  });
}
