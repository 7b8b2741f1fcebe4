// The gateway's log for people: its JSON lines as text, and only what they have to know.
import { closeSync, existsSync, openSync, readFileSync, readSync, statSync } from 'node:fs';
import { say, style } from './steps.mjs';

const warning = 40;
const commonFields = ['level', 'time', 'pid', 'hostname', 'msg', 'err'];
const maxTailLines = 20;

/** The last lines of a log since a byte offset, as text. */
export function readLogTail(path, from) {
  if (!existsSync(path)) return '';
  return formatLog(readFileSync(path).subarray(from).toString('utf8'));
}

/** The last lines of a program's output as text, whether they are log entries or not. */
export function formatLog(output) {
  return output.trimEnd().split('\n').slice(-maxTailLines).map(formatLine).join('\n');
}

/** Prints each warning and error that is added to a log, and whose it is; ends when the signal is aborted. */
export function followWarnings(name, path, signal) {
  let position = statSync(path).size;
  let rest = '';
  const timer = setInterval(() => {
    const chunk = readFrom(path, position);
    position += chunk.length;
    const lines = (rest + chunk.toString('utf8')).split('\n');
    rest = lines.pop();
    for (const line of lines) if (isWarning(line)) say(`${name}: ${formatLine(line)}`);
  }, 500);
  signal.addEventListener('abort', () => clearInterval(timer), { once: true });
}

function readFrom(path, position) {
  const buffer = Buffer.alloc(65_536);
  const file = openSync(path, 'r');
  try {
    return buffer.subarray(0, readSync(file, buffer, 0, buffer.length, position));
  } finally {
    closeSync(file);
  }
}

function parse(line) {
  try {
    return JSON.parse(line);
  } catch {
    return undefined;
  }
}

const isWarning = (line) => (parse(line)?.level ?? 0) >= warning;

function formatLine(line) {
  const entry = parse(line);
  if (typeof entry !== 'object' || entry === null) return line;
  const { level, msg, err } = entry;
  const fields = Object.entries(entry).filter(([field]) => !commonFields.includes(field));
  const name = level >= 50 ? style.red('error') : level >= warning ? style.yellow('warning') : 'info';
  const cause = err?.message ? ` (${err.message})` : '';
  const rest = fields.length > 0 ? ` ${style.dim(JSON.stringify(Object.fromEntries(fields)))}` : '';
  return `${name}: ${msg ?? ''}${cause}${rest}`;
}
