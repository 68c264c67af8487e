/** A name server (RFC 1035) with IPv4 addresses set by a test; it denies all other names. */
import { createSocket, type Socket } from 'node:dgram';
import { once } from 'node:events';

const NXDOMAIN = 3;
const TYPE_A = 1;
const HEADER_BYTES = 12;

export class NameServer {
  readonly addresses = new Map<string, readonly string[]>();
  readonly #socket: Socket;

  private constructor(socket: Socket) {
    this.#socket = socket;
    socket.on('message', (query, { port, address }) => socket.send(this.#answer(query), port, address));
  }

  static async start(): Promise<NameServer> {
    const socket = createSocket('udp4');
    socket.bind(0, '127.0.0.1');
    await once(socket, 'listening');
    return new NameServer(socket);
  }

  get port(): number {
    return this.#socket.address().port;
  }

  async stop(): Promise<void> {
    await new Promise<void>((resolve) => this.#socket.close(resolve));
  }

  #answer(query: Buffer): Buffer {
    const labels: string[] = [];
    let at = HEADER_BYTES;
    for (let length = query.readUInt8(at); length > 0; length = query.readUInt8(at)) {
      labels.push(query.toString('latin1', at + 1, at + 1 + length));
      at += 1 + length;
    }
    const question = query.subarray(HEADER_BYTES, at + 5);
    const isForAddress = query.readUInt16BE(at + 1) === TYPE_A;
    const addresses = this.addresses.get(labels.join('.'));
    const header = Buffer.alloc(HEADER_BYTES);
    query.copy(header, 0, 0, 2);
    // A response with recursion available, and the outcome.
    header.writeUInt16BE(0x8180 | (addresses === undefined ? NXDOMAIN : 0), 2);
    header.writeUInt16BE(1, 4);
    if (addresses === undefined || !isForAddress) return Buffer.concat([header, question]);
    header.writeUInt16BE(addresses.length, 6);
    // The question's name, class IN, a TTL of one second.
    const record = Buffer.from([0xc0, HEADER_BYTES, 0, TYPE_A, 0, 1, 0, 0, 0, 1, 0, 4]);
    const records = addresses.flatMap((address) => [record, Buffer.from(address.split('.').map(Number))]);
    return Buffer.concat([header, question, ...records]);
  }
}
