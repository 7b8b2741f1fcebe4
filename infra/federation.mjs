// What the local federation consists of and where its state lies.
import { chmodSync, existsSync, mkdirSync, readFileSync, renameSync, rmSync, writeFileSync } from 'node:fs';
import { randomBytes } from 'node:crypto';
import { join } from 'node:path';
import { Refusal } from './steps.mjs';
import { inRoot } from './toolchain.mjs';

/** Every organisation that runs on this machine, and the port that it is given when that is free. */
export const organisations = [
  { name: 'acme.example', defaultPort: 5000 },
  { name: 'globex.example', defaultPort: 5001 },
  { name: 'initech.example', defaultPort: 5002 },
];

const stateFolder = inRoot('.dockchains');
/** Held while organisations are started or stopped. */
export const stateLock = join(stateFolder, 'up.lock');
/** Programs that were unpacked for this clone alone. */
export const toolsFolder = join(stateFolder, 'tools');
/** Whose signatures the command line believes. */
export const trustFile = join(stateFolder, 'trust.policy');
/** Where to find everybody, with their passwords. */
export const federationFile = join(stateFolder, 'federation.json');
/** The accounts that every organisation has from the start. */
export const userNames = ['operator', 'publisher', 'reader', 'arbitrator'];

/** The organisations named on the command line; all when none is. @throws {Refusal} for an unknown name. */
export function chooseOrganisations(names) {
  for (const name of names) {
    if (!organisations.some((organisation) => organisation.name === name)) {
      const known = organisations.map((organisation) => organisation.name).join(', ');
      throw new Refusal(`There is no organisation "${name}" here: use ${known}.`);
    }
  }
  return organisations.filter(({ name }) => names.length === 0 || names.includes(name));
}

/** The names of the other organisations that have state here. */
export function findNeighbours(chosen) {
  return organisations
    .filter((organisation) => !chosen.includes(organisation) && existsSync(pathsOf(organisation).keys))
    .map(({ name }) => name);
}

/** The paths of one organisation's state. */
export function pathsOf({ name }) {
  const folder = join(stateFolder, name);
  return {
    folder,
    keys: join(folder, 'keys'),
    blobs: join(folder, 'blobs'),
    postgres: join(folder, 'postgres'),
    credentials: join(folder, 'credentials.json'),
    databaseUrl: join(folder, 'database-url'),
    gateway: join(folder, 'gateway.json'),
    log: join(folder, 'gateway.log'),
    nats: join(folder, 'nats'),
    descriptor: join(folder, 'organisation.json'),
    seeded: join(folder, 'seeded'),
  };
}

/** User names and passwords: made once, and kept apart because an account that exists keeps its password. */
export function credentialsOf(organisation) {
  const path = pathsOf(organisation).credentials;
  if (existsSync(path)) return JSON.parse(readFileSync(path, 'utf8'));
  const make = (username) => ({ username, password: randomBytes(18).toString('base64url') });
  const credentials = Object.fromEntries(userNames.map((username) => [username, make(username)]));
  replaceFile(path, JSON.stringify(credentials), 0o600);
  return credentials;
}

/** Writes one organisation's entry of federation.json, for its owner's eyes only. */
export function writeFederation(entry) {
  const others = readFederation().filter(({ name }) => name !== entry.name);
  write([...others, entry]);
}

/** Takes an organisation out of federation.json, and the file away with the last. */
export function removeFromFederation(name) {
  if (!existsSync(federationFile)) return;
  const rest = readFederation().filter((organisation) => organisation.name !== name);
  if (rest.length > 0) return write(rest);
  rmSync(federationFile);
  rmSync(trustFile, { force: true });
}

/** Writes a file at once or not at all. */
export function replaceFile(path, content, mode) {
  const draft = `${path}.new`;
  writeFileSync(draft, content, { mode });
  chmodSync(draft, mode);
  renameSync(draft, path);
}

function write(entries) {
  mkdirSync(stateFolder, { recursive: true });
  const order = (entry) => organisations.findIndex(({ name }) => name === entry.name);
  const sorted = entries.toSorted((a, b) => order(a) - order(b));
  replaceFile(
    federationFile,
    `${JSON.stringify({ version: 1, organisations: sorted }, undefined, 2)}\n`,
    0o600,
  );
}

function readFederation() {
  if (!existsSync(federationFile)) return [];
  try {
    return JSON.parse(readFileSync(federationFile, 'utf8')).organisations;
  } catch (cause) {
    if (cause.code) throw cause;
    throw new Refusal(`${federationFile} is not JSON: remove it, and it is written anew.`, { cause });
  }
}
