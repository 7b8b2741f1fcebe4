import type { IncomingMessage } from 'node:http';
import { Socket } from 'node:net';

/** Uses the bytes up before it returns: their memory is read into again. Where it gives a promise no more come until that resolves. */
type Take = (chunk: Buffer) => Promise<void> | undefined;

// Who reads past the parser can't use the connection again: a new one for the next answer must not matter beside this one.
const MIN_BYTES = 8 << 20;

const bodies = new WeakMap<Socket, DirectBody>();
const beingParsed = new WeakSet<Socket>();

/**
 * Sockets read into one buffer that all of them share, not each time into a new one of 64 KiB: a quarter of the reads, and half of the garbage. What is read is
 * parsed, or taken, before the next is, and the parser copies what it gives; whatever waits in the socket gets memory of its own.
 */
export const READING = {
  onread: {
    buffer: Buffer.allocUnsafeSlow(256 * 1024),
    callback(this: unknown, length: number, buffer: Buffer): boolean {
      if (!(this instanceof Socket)) throw new TypeError('Node does not say which socket was read.');
      const bytes = buffer.subarray(0, length);
      const body = bodies.get(this);
      if (body !== undefined) return body.receive(bytes);
      if (this.readableFlowing !== true || this.readableLength > 0) return this.push(Buffer.from(bytes));
      beingParsed.add(this);
      try {
        return this.push(bytes);
      } finally {
        beingParsed.delete(this);
      }
    },
  },
};

/**
 * The long body of an answer, given to whoever takes it as it is read from the socket: past the parser, which has read the head and would copy each part, and past
 * the streams behind it. The connection is closed at its end.
 */
export class DirectBody {
  readonly #response: IncomingMessage;
  #left: number;
  #early: Buffer[] = [];
  #take: Take | undefined;
  #taking: Promise<void> | undefined;
  readonly #ended = Promise.withResolvers<{ failure?: unknown }>();

  private constructor(response: IncomingMessage, length: number) {
    this.#response = response;
    this.#left = length;
    response.on('error', (failure) => {
      this.#fail(failure);
    });
    response.once('close', () => {
      this.#fail(new Error('The connection was closed before the body’s end.'));
    });
  }

  /** Takes over the body of an answer whose head is being parsed; undefined where that is not possible, or not worth it. */
  static find(response: IncomingMessage): DirectBody | undefined {
    const { socket, headers } = response;
    const length = Number(headers['content-length'] ?? 0);
    const isPlain = headers['transfer-encoding'] === undefined && Number.isSafeInteger(length);
    if (!isPlain || length < MIN_BYTES || !beingParsed.has(socket)) return undefined;
    const body = new DirectBody(response, length);
    bodies.set(socket, body);
    return body;
  }

  /** Whether it is the reader who is waited for. */
  get isHeld(): boolean {
    return this.#take === undefined || this.#taking !== undefined;
  }

  /** Gives all bytes to `take`, in order; resolves at the end, with why it came too early. @throws what `take` does */
  handTo(take: Take): Promise<{ failure?: unknown }> {
    this.#take = take;
    const parsed: unknown = this.#response.read();
    if (Buffer.isBuffer(parsed)) this.#early.unshift(parsed);
    this.#goOn();
    return this.#ended.promise;
  }

  /** Closes the connection; who takes the body hears of the error. */
  destroy(error?: Error): void {
    this.#response.destroy(error);
  }

  /** Takes what was read; false if no more is to be read now. */
  receive(bytes: Buffer): boolean {
    if (!this.isHeld) return this.#give(bytes);
    this.#early.push(Buffer.from(bytes));
    return false;
  }

  #goOn(): void {
    this.#taking = undefined;
    for (let bytes = this.#early.shift(); bytes !== undefined; bytes = this.#early.shift()) {
      if (!this.#give(bytes)) return;
    }
    this.#response.socket.resume();
  }

  /** Gives bytes of the body to who takes it; false if he has to be waited for, or wants no more. */
  #give(bytes: Buffer): boolean {
    const mine = bytes.length > this.#left ? bytes.subarray(0, this.#left) : bytes;
    this.#left -= mine.length;
    try {
      this.#taking = this.#take?.(mine);
    } catch (error) {
      this.#refuse(error);
      return false;
    }
    this.#taking?.then(
      () => {
        if (this.#left > 0) this.#goOn();
        else this.#end({});
      },
      (error: unknown) => {
        this.#refuse(error);
      },
    );
    if (this.#taking !== undefined) return false;
    if (this.#left === 0) this.#end({});
    return this.#left > 0;
  }

  #refuse(error: unknown): void {
    this.#take = undefined;
    this.#ended.reject(error);
  }

  #fail(failure: unknown): void {
    if (this.#left === 0) return; // all of it has come
    const end = (): void => {
      this.#end({ failure });
    };
    if (this.#taking === undefined) end();
    else this.#taking.then(end, end); // where it is refused, that is told first
  }

  #end(how: { failure?: unknown }): void {
    this.#ended.resolve(how);
    this.destroy();
  }
}
