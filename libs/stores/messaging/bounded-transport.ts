import {
  type ConnectionOptions,
  type NatsConnection,
  NatsConnectionImpl,
  setTransportFactory,
} from '@nats-io/transport-node';
import { nodeResolveHost, NodeTransport } from '@nats-io/transport-node/lib/node_transport.js';

// What a server takes unless it is told otherwise; ours are shorter.
const MAX_MESSAGE_BYTES = 1024 * 1024;
const MAX_LINE_BYTES = 64 * 1024;
const NEWLINE = 0x0a;
const MESSAGE = /^H?MSG[ \t]/i;
const MESSAGE_BYTES = /[ \t](\d{1,9})\r?$/;

/** Connects as the client's own `connect` does, through a bounded transport. */
export function connectBounded(options: ConnectionOptions): Promise<NatsConnection> {
  setTransportFactory({ factory: () => new BoundedTransport(), dnsResolveFn: nodeResolveHost });
  return NatsConnectionImpl.connect(options);
}

/** The client's own transport, which ends where a server sends more at once than it was asked to: the client would wait for all of it. */
class BoundedTransport extends NodeTransport {
  override peekInfo(): ReturnType<NodeTransport['peekInfo']> {
    const info = super.peekInfo();
    const { socket } = this;
    let bytes = 0;
    socket.on('data', ({ length }) => {
      bytes += length;
      if (bytes > MAX_LINE_BYTES) socket.destroy(tooLong());
    });
    return info;
  }

  override async *iterate(): AsyncIterableIterator<Uint8Array> {
    const frames = new Frames();
    for await (const chunk of super.iterate()) {
      if (!frames.accept(chunk)) {
        await this.close(tooLong());
        return;
      }
      yield chunk;
    }
  }
}

/** Where the frames of a server's protocol begin and end, by the same bytes as the client's parser. */
export class Frames {
  #line = '';
  /** Of the payload, and the byte that ends it. */
  #skipped = 0;
  #isInEnd = false;

  /** Whether no line and no message is longer than its bound. */
  accept(chunk: Uint8Array): boolean {
    for (let at = 0; at < chunk.length;) {
      if (this.#skipped > 0) {
        const length = Math.min(this.#skipped, chunk.length - at);
        this.#skipped -= length;
        at += length;
        continue;
      }
      const newline = chunk.indexOf(NEWLINE, at);
      const end = newline < 0 ? chunk.length : newline;
      if (!this.#isInEnd) {
        this.#line += Buffer.from(chunk.buffer, chunk.byteOffset + at, end - at).toString('latin1');
        if (this.#line.length > MAX_LINE_BYTES) return false;
      }
      at = end + 1;
      if (newline < 0) return true;
      if (this.#isInEnd) this.#isInEnd = false;
      else if (!this.#endLine()) return false;
    }
    return true;
  }

  #endLine(): boolean {
    const line = this.#line;
    this.#line = '';
    if (!MESSAGE.test(line)) return true;
    const bytes = Number(MESSAGE_BYTES.exec(line)?.[1] ?? Infinity);
    if (bytes > MAX_MESSAGE_BYTES) return false;
    this.#skipped = bytes + 1;
    this.#isInEnd = true;
    return true;
  }
}

const tooLong = (): Error => new Error('The NATS server sends longer messages than there are.');
