// HTTP/2 as bytes: frames that no client library would send (RFC 9113, RFC 7541).
import tls from 'node:tls';
import { demo } from './demo.mjs';

export const TYPE = { DATA: 0, HEADERS: 1, PRIORITY: 2, RST_STREAM: 3, SETTINGS: 4, PUSH_PROMISE: 5, PING: 6, GOAWAY: 7, WINDOW_UPDATE: 8, CONTINUATION: 9 };
export const FLAG = { ACK: 1, END_STREAM: 1, END_HEADERS: 4 };
const PREFACE = Buffer.from('PRI * HTTP/2.0\r\n\r\nSM\r\n\r\n');

export function frame(type, flags, stream, payload = Buffer.alloc(0)) {
  const head = Buffer.alloc(9);
  head.writeUIntBE(payload.length, 0, 3);
  head.writeUInt8(type, 3);
  head.writeUInt8(flags, 4);
  head.writeUInt32BE(stream >>> 0, 5);
  return Buffer.concat([head, payload]);
}

// A literal without indexing, without Huffman: any bytes as name and value.
function integer(value, bits, first) {
  const most = 2 ** bits - 1;
  if (value < most) return Buffer.from([first | value]);
  const out = [first | most];
  let rest = value - most;
  for (; rest >= 128; rest >>>= 7) out.push((rest & 127) | 128);
  out.push(rest);
  return Buffer.from(out);
}
const text = (value) => {
  const bytes = Buffer.from(value, 'latin1');
  return Buffer.concat([integer(bytes.length, 7, 0), bytes]);
};
export const field = (name, value) => Buffer.concat([Buffer.from([0]), text(name), text(value)]);
// The same, kept in the table; and that entry once more, in one byte.
export const kept = (name, value) => Buffer.concat([Buffer.from([0x40]), text(name), text(value)]);
export const NEWEST = Buffer.from([0x80 | 62]);

export const head = (path, { method = 'GET', host, more = [] } = {}) =>
  Buffer.concat([field(':method', method), field(':scheme', 'https'), field(':authority', host), field(':path', path), ...more.map(([name, value]) => field(name, value))]);

export const settings = (pairs = []) =>
  frame(TYPE.SETTINGS, 0, 0, Buffer.concat(pairs.map(([id, value]) => {
    const out = Buffer.alloc(6);
    out.writeUInt16BE(id, 0);
    out.writeUInt32BE(value, 2);
    return out;
  })));

// One connection, with what the other side has sent: frames by type, GOAWAY's code.
export class H2 {
  static async open(target, { first = [] } = {}) {
    const url = new URL(target.base);
    const it = new H2();
    Object.assign(it, { frames: [], closed: false, bytes: Buffer.alloc(0), host: target.host ?? url.host, sent: 0 });
    it.socket = tls.connect({ host: url.hostname, port: Number(url.port), ca: demo().ca, servername: 'localhost', ALPNProtocols: ['h2'] });
    await new Promise((done, fail) => it.socket.once('secureConnect', done).once('error', fail));
    if (it.socket.alpnProtocol !== 'h2') throw new Error(`ALPN: ${it.socket.alpnProtocol}`);
    it.socket.on('error', () => {});
    it.socket.on('close', () => (it.closed = true));
    it.socket.on('end', () => (it.closed = true));
    it.socket.on('data', (chunk) => it.#take(chunk));
    it.write(PREFACE, settings(first));
    return it;
  }

  #take(chunk) {
    this.bytes = Buffer.concat([this.bytes, chunk]);
    while (this.bytes.length >= 9) {
      const length = this.bytes.readUIntBE(0, 3);
      if (this.bytes.length < 9 + length) return;
      const got = { type: this.bytes[3], flags: this.bytes[4], stream: this.bytes.readUInt32BE(5) & 0x7fffffff, payload: Buffer.from(this.bytes.subarray(9, 9 + length)) };
      this.bytes = this.bytes.subarray(9 + length);
      this.frames.push(got);
      if (got.type === TYPE.SETTINGS && !(got.flags & FLAG.ACK)) this.write(frame(TYPE.SETTINGS, FLAG.ACK, 0));
    }
  }

  write(...parts) {
    const bytes = Buffer.concat(parts);
    this.sent += bytes.length;
    return !this.closed && this.socket.writable && this.socket.write(bytes);
  }
  // Resolves when the bytes are with the kernel, or the other side has gone.
  async drained() {
    if (!this.closed && this.socket.writableNeedDrain)
      await new Promise((done) => {
        const timer = setTimeout(done, 2000);
        const end = () => {
          clearTimeout(timer);
          done();
        };
        this.socket.once('drain', end).once('close', end);
      });
  }

  of(type) {
    return this.frames.filter((one) => one.type === type);
  }
  get refused() {
    return this.closed || this.of(TYPE.GOAWAY).length > 0;
  }
  // The status of a stream: answers of HAProxy write it as an indexed or literal field.
  status(stream) {
    const [first] = this.of(TYPE.HEADERS).filter((one) => one.stream === stream);
    if (!first) return this.of(TYPE.RST_STREAM).some((one) => one.stream === stream) ? 'reset' : undefined;
    const { payload } = first;
    const indexed = { 0x88: 200, 0x89: 204, 0x8a: 206, 0x8b: 304, 0x8c: 400, 0x8d: 404, 0x8e: 500 }[payload[0]];
    if (indexed) return indexed;
    return Number(/(\d{3})/.exec(payload.subarray(0, 16).toString('latin1'))?.[1]) || 'other';
  }
  body(stream) {
    return Buffer.concat(this.of(TYPE.DATA).filter((one) => one.stream === stream).map(({ payload }) => payload)).toString();
  }
  close() {
    this.socket.destroy();
  }
}
