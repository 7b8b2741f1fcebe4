// A second ristretto255, written straight from RFC 9496 with big integers and nothing else: slow, and independent of the
// library that the vectors were made with.

const P = 2n ** 255n - 19n;
const D = 37095705934669439343138083508754565189542113879843219016388785533085940283555n;
const SQRT_M1 = 19681161376707505956807079304988542015446066515923890162744021073123829784752n;
const SQRT_AD_MINUS_ONE = 25063068953384623474111414158702152701244531502492656460079210482610430750235n;
const INVSQRT_A_MINUS_D = 54469307008909316920995813868745141605393597292927456921205312896311721017578n;
const ONE_MINUS_D_SQ = 1159843021668779879193775521855586647937357759715417654439879720876111806838n;
const D_MINUS_ONE_SQ = 40440834346308536858101042469323190826248399146238708352240133220865137265952n;

/** Order of the group. */
export const ORDER = 2n ** 252n + 27742317777372353535851937790883648493n;

type Point = { readonly x: bigint; readonly y: bigint; readonly z: bigint; readonly t: bigint };

const mod = (a: bigint): bigint => ((a % P) + P) % P;
const isNegative = (a: bigint): boolean => (mod(a) & 1n) === 1n;
const abs = (a: bigint): bigint => (isNegative(a) ? mod(-a) : mod(a));

function power(base: bigint, exponent: bigint): bigint {
  let [result, square] = [1n, mod(base)];
  for (let e = exponent; e > 0n; e >>= 1n) {
    if ((e & 1n) === 1n) result = mod(result * square);
    square = mod(square * square);
  }
  return result;
}

/** RFC 9496 §4.2, SQRT_RATIO_M1. */
function sqrtRatio(u: bigint, v: bigint): { wasSquare: boolean; root: bigint } {
  let root = mod(u * power(v, 3n) * power(u * power(v, 7n), (P - 5n) / 8n));
  const check = mod(v * root * root);
  const [correct, flipped, flippedI] = [check === mod(u), check === mod(-u), check === mod(-u * SQRT_M1)];
  if (flipped || flippedI) root = mod(root * SQRT_M1);
  return { wasSquare: correct || flipped, root: abs(root) };
}

/** Little-endian. */
export function toInteger(bytes: Uint8Array): bigint {
  return BigInt(`0x${Buffer.from(bytes).reverse().toString('hex')}`);
}

/** 32 bytes, little-endian. */
function toBytes(value: bigint): Buffer {
  return Buffer.from(value.toString(16).padStart(64, '0'), 'hex').reverse();
}

/** RFC 9496 §4.3.1. */
export function decode(bytes: Uint8Array): Point {
  const s = toInteger(bytes);
  if (bytes.length !== 32 || s >= P || isNegative(s)) throw new Error('no canonical point');
  const [u1, u2] = [mod(1n - s * s), mod(1n + s * s)];
  const v = mod(-D * u1 * u1 - u2 * u2);
  const { wasSquare, root } = sqrtRatio(1n, mod(v * u2 * u2));
  const x = abs(2n * s * root * u2);
  const y = mod(u1 * root * root * u2 * v);
  const t = mod(x * y);
  if (!wasSquare || isNegative(t) || y === 0n) throw new Error('no point');
  return { x, y, z: 1n, t };
}

/** RFC 9496 §4.3.2. */
export function encode({ x, y, z, t }: Point): Buffer {
  const u1 = mod((z + y) * (z - y));
  const u2 = mod(x * y);
  const { root } = sqrtRatio(1n, mod(u1 * u2 * u2));
  const [d1, d2] = [mod(root * u1), mod(root * u2)];
  const zInverse = mod(d1 * d2 * t);
  const rotate = isNegative(t * zInverse);
  const [rx, ry] = rotate ? [mod(y * SQRT_M1), mod(x * SQRT_M1)] : [x, y];
  const inverse = rotate ? mod(d1 * INVSQRT_A_MINUS_D) : d2;
  const signedY = isNegative(rx * zInverse) ? mod(-ry) : ry;
  return toBytes(abs(inverse * (z - signedY)));
}

/** Addition on the twisted Edwards curve with a = -1 (Hisil et al. 2008). */
export function add(p: Point, q: Point): Point {
  const [a, b] = [mod((p.y - p.x) * (q.y - q.x)), mod((p.y + p.x) * (q.y + q.x))];
  const [c, d] = [mod(2n * D * p.t * q.t), mod(2n * p.z * q.z)];
  const [e, f, g, h] = [b - a, d - c, d + c, b + a];
  return { x: mod(e * f), y: mod(g * h), z: mod(f * g), t: mod(e * h) };
}

/** Double and add. */
export function multiply(point: Point, scalar: bigint): Point {
  let result: Point = { x: 0n, y: 1n, z: 1n, t: 0n };
  let double = point;
  for (let s = scalar; s > 0n; s >>= 1n) {
    if ((s & 1n) === 1n) result = add(result, double);
    double = add(double, double);
  }
  return result;
}

/** RFC 9496 §4.3.4: a point from 64 uniform bytes. */
export function fromUniform(bytes: Uint8Array): Point {
  return add(map(bytes.subarray(0, 32)), map(bytes.subarray(32)));
}

function map(half: Uint8Array): Point {
  const t = mod(toInteger(half) & (2n ** 255n - 1n));
  const r = mod(SQRT_M1 * t * t);
  const u = mod((r + 1n) * ONE_MINUS_D_SQ);
  const v = mod((-1n - r * D) * (r + D));
  const { wasSquare, root } = sqrtRatio(u, v);
  const s = wasSquare ? root : mod(-abs(root * t));
  const c = wasSquare ? -1n : r;
  const n = mod(c * (r - 1n) * D_MINUS_ONE_SQ - v);
  const [w0, w1, w2, w3] = [mod(2n * s * v), mod(n * SQRT_AD_MINUS_ONE), mod(1n - s * s), mod(1n + s * s)];
  return { x: mod(w0 * w3), y: mod(w2 * w1), z: mod(w1 * w3), t: mod(w0 * w2) };
}

/** The generator, RFC 9496 appendix A.1. */
export const BASE: Point = decode(
  Buffer.from('e2f2ae0a6abc4e71a884a961c500515f58e30b6aa582dd8db6a65945e08d2d76', 'hex'),
);
