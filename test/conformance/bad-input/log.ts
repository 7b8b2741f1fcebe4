import { type Rule, SECTIONS } from './rule.ts';

const PATHS: Readonly<Record<string, string>> = {
  'a ledger that is not there': '/log/nothing/checkpoint',
  'a level past 63': '/log/public/tile/64/000',
  'a level with a leading zero': '/log/public/tile/00/000',
  'an index that is not padded': '/log/public/tile/0/1',
  'an index in words': '/log/public/tile/0/abc',
  'an index of 100 digits': `/log/public/tile/0/${'x000/'.repeat(24)}000`,
  'a width of 0': '/log/public/tile/0/000.p/0',
  'a width of 256': '/log/public/tile/0/000.p/256',
  'a width with a leading zero': '/log/public/tile/0/000.p/01',
  'a tile past the published size': '/log/public/tile/0/999',
  'entries past the published size': '/log/public/tile/entries/999',
  'a partial tile past the published size': '/log/public/tile/0/000.p/255',
  'a path that leaves its folder': '/log/public/tile/../../signed',
  'an encoded path that leaves its folder': '/log/public/%2e%2e/%2e%2e/signed',
  'the staging folder': '/log/public/staging/1-00',
  'a path of 129 characters': `/log/public/${'a'.repeat(129)}`,
};

/** Paths of the log. */
export const LOG_RULES: readonly Rule[] = Object.entries(PATHS).map(([rule, path]): Rule => ({
  route: 'GET /log/<ledger>/…',
  rule,
  section: rule.includes('129') ? SECTIONS.bounded : SECTIONS.tiles,
  status: 404,
  shape: 'text',
  send: ({ call }) => call('GET', path, { token: null }),
}));
