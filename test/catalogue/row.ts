/** A row of the catalogue of failures and attacks: what it is about, and the tests of each of its facts, by file and by the beginning of their titles. */
export interface Row {
  readonly about: string;
  readonly tests: readonly (readonly [file: string, title: string, ...cases: readonly string[]])[];
}

// At the beginning of a string: of a title, or of the name of a case in a table.
const QUOTES = ["'", '"', '`'];
const ROWS_OF_TITLE = /^((?:[LNWF]\d+, )*[LNWF]\d+): /;

/** The tests of a row that are not there, or are not named after it; each as the file and what is missing in it. */
export function findMissing(
  name: string,
  { tests }: Row,
  readSource: (file: string) => string | undefined,
): readonly string[] {
  if (tests.length === 0) return [`${name}: no test`];
  return tests.flatMap(([file, title, ...cases]) => {
    const source = readSource(file) ?? '';
    const isNamed = ROWS_OF_TITLE.exec(title)?.[1]?.split(', ').includes(name) === true;
    const wanted = [title, ...cases];
    const absent = wanted.filter((text) => !QUOTES.some((quote) => source.includes(`${quote}${text}`)));
    return [
      ...(isNamed ? [] : [`"${title}" is not named after ${name}`]),
      ...absent.map((text) => `${file}: ${text}`),
    ];
  });
}

/** The names of the rows after which titles in this source are named. */
export function namedRows(source: string): readonly string[] {
  const titles = source.matchAll(/['"`]((?:[LNWF]\d+, )*[LNWF]\d+): /g);
  return [...titles].flatMap(([, names = '']) => names.split(', '));
}
