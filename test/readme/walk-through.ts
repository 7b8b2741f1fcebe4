/** A command of a document, as a reader would type it, and what the document shows of its output. */
export interface WalkLine {
  /** May go over several lines. */
  readonly command: string;
  /** Lines; one that is `…` alone stands for any number of them. Empty where nothing is shown. */
  readonly shown: readonly string[];
}

const BLOCK = /^```console\n(.*?)^```$/gms;
const ELLIPSIS = '…';

// What differs from one run to the next, and still has to look like this.
const VARYING: readonly (readonly [RegExp, string])[] = [
  [/sha256:[0-9a-f]{64}/y, 'sha256:[0-9a-f]{64}'],
  [/[0-9a-f]{32}\b/y, '[0-9a-f]{32}'],
  [/\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z/y, String.raw`\d{4}-\d\d-\d\dT\d\d:\d\d:\d\d\.\d{3}Z`],
  [/\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}/y, String.raw`\+[0-9a-f]{8}\+[A-Za-z0-9+/]{44}`],
  [/\d+ min \d+ s|\d+\.\d s/y, String.raw`(?:\d+ min \d+ s|\d+\.\d s)`],
  [/on port \d+/y, String.raw`on port \d+`],
  [/size: \d+/y, String.raw`size: \d+`],
  [/[A-Za-z0-9+/]+…/y, String.raw`\S+`],
  [/…/y, '.*?'],
];

/** Reads the commands of the section below a heading, from its `console` blocks. @throws Error if there are none */
export function readWalkThrough(markdown: string, heading: string): WalkLine[] {
  const [, section = ''] = markdown.split(`\n## ${heading}\n`);
  const [text = ''] = section.split('\n## ');
  const lines = [...text.matchAll(BLOCK)].flatMap(([, block = '']) => readBlock(block));
  if (lines.length === 0) throw new Error(`There are no commands below "${heading}".`);
  return lines;
}

/**
 * Compares what a command printed with what the document shows of it, whatever the line breaks: each passage between lines of `…`, and each line
 * that begins with `✓`, has to be there; ids, digests, times, durations and ports may be others.
 * @throws Error with the passage that is missing
 */
export function compareOutput(shown: readonly string[], printed: string): void {
  const all = printed.replace(/\s+/g, ' ');
  for (const passage of passagesOf(shown)) {
    if (!new RegExp(patternOf(passage), 's').test(all)) {
      throw new Error(`This is shown, and was not printed: ${passage}`);
    }
  }
}

function readBlock(block: string): WalkLine[] {
  const lines: { command: string; shown: string[]; isWhole: boolean }[] = [];
  for (const line of block.trimEnd().split('\n')) {
    const last = lines.at(-1);
    if (line.startsWith('$ ')) lines.push({ command: line.slice(2), shown: [], isWhole: isWhole(line) });
    else if (last === undefined) throw new Error(`A block has to begin with a command: ${line}`);
    else if (last.isWhole) last.shown.push(line);
    else Object.assign(last, { command: `${last.command}\n${line}`, isWhole: isWhole(line) });
  }
  return lines.map(({ command, shown }) => ({ command, shown }));
}

const isWhole = (line: string): boolean => !/[|\\]$/.test(line);

function passagesOf(shown: readonly string[]): string[] {
  const passages = [''];
  for (const line of shown.map((text) => text.trim())) {
    if (line === ELLIPSIS) passages.push('');
    else if (line.startsWith('✓')) passages.push(line, '');
    else passages.push(`${passages.pop() ?? ''} ${line}`);
  }
  return passages.map((passage) => passage.replace(/\s+/g, ' ').trim()).filter((passage) => passage !== '');
}

function patternOf(passage: string): string {
  let pattern = '';
  for (let at = 0; at < passage.length;) {
    const [length, next] = patternAt(passage, at);
    pattern += next;
    at += length;
  }
  return pattern;
}

function patternAt(passage: string, at: number): readonly [number, string] {
  for (const [what, pattern] of VARYING) {
    what.lastIndex = at;
    const found = what.exec(passage)?.[0];
    if (found !== undefined) return [found.length, pattern];
  }
  return [1, passage.charAt(at).replace(/[\\^$.*+?()[\]{}|/]/, String.raw`\$&`)];
}
