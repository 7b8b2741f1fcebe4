/** Something that nobody outside may see, and what to call it. */
export interface Secret {
  readonly label: string;
  readonly bytes: Buffer;
}

/** A text or bytes that somebody outside sees, and where. */
export interface Seen {
  readonly where: string;
  readonly bytes: Buffer;
}

interface Needle {
  readonly label: string;
  readonly form: string;
  readonly bytes: Buffer;
}

/** Names the secret that is a text. */
export function secretText(label: string, text: string): Secret {
  return { label, bytes: Buffer.from(text) };
}

/** Finds each secret in whatever form it was written: `<where>: <label> as <form>`. */
export function findLeaks(seen: readonly Seen[], secrets: readonly Secret[]): readonly string[] {
  const needles = secrets.flatMap(needlesOf);
  return seen.flatMap(({ where, bytes }) =>
    needles
      .filter((needle) => bytes.includes(needle.bytes))
      .map(({ label, form }) => `${where}: ${label} as ${form}`),
  );
}

function needlesOf({ label, bytes }: Secret): readonly Needle[] {
  const forms: Readonly<Record<string, Buffer | string>> = {
    itself: bytes,
    hexadecimal: bytes.toString('hex'),
    'hexadecimal in capitals': bytes.toString('hex').toUpperCase(),
    'percent encoding': percentOf(bytes),
    'percent encoding in lowercase': percentOf(bytes).toLowerCase(),
    'a part of a URL': encodeURIComponent(bytes.toString('latin1')),
    'UTF-16, little end first': Buffer.from(bytes.toString('latin1'), 'utf16le'),
    'UTF-16, big end first': Buffer.from(bytes.toString('latin1'), 'utf16le').swap16(),
    'JSON escapes': Array.from(bytes, (byte) => `\\u${byte.toString(16).padStart(4, '0')}`).join(''),
  };
  const base64 = [0, 1, 2].flatMap((offset) => {
    const inner = base64Within(bytes, offset);
    const url = inner.replaceAll('+', '-').replaceAll('/', '_');
    return [
      { form: `base64 behind ${offset} bytes`, bytes: Buffer.from(inner) },
      { form: `base64url behind ${offset} bytes`, bytes: Buffer.from(url) },
    ];
  });
  const plain = Object.entries(forms).map(([form, needle]) => ({ form, bytes: Buffer.from(needle) }));
  const all = [...plain, ...base64].map((needle) => ({ label, ...needle }));
  return all.filter(({ bytes: one }, place) => all.findIndex((other) => other.bytes.equals(one)) === place);
}

const percentOf = (bytes: Buffer): string =>
  Array.from(bytes, (byte) => `%${byte.toString(16).padStart(2, '0').toUpperCase()}`).join('');

/** The characters of base64 that the bytes alone decide, when `offset` bytes (mod 3) stand before them. */
function base64Within(bytes: Buffer, offset: number): string {
  const text = Buffer.concat([Buffer.alloc(offset), bytes])
    .toString('base64')
    .replace(/=+$/, '');
  const first = Math.ceil((offset * 8) / 6);
  const whole = Math.floor(((offset + bytes.length) * 8) / 6);
  return text.slice(first, whole);
}
