import { BlockList, isIP } from 'node:net';

/** Where a host stands: on this machine, on a network of its own kind, or anywhere. */
export type Reach = 'machine' | 'link' | 'private' | 'anywhere';

const SUBNETS: readonly (readonly [Reach, string, number])[] = [
  ['machine', '127.0.0.0', 8],
  ['machine', '0.0.0.0', 8],
  ['machine', '::', 128],
  ['machine', '::1', 128],
  ['link', '169.254.0.0', 16],
  ['link', 'fe80::', 10],
  ['private', '10.0.0.0', 8],
  ['private', '100.64.0.0', 10],
  ['private', '172.16.0.0', 12],
  ['private', '192.168.0.0', 16],
  ['private', 'fc00::', 7],
];
const MACHINE_NAME = /^(?:.+\.)?localhost\.?$/;

// Written as an address of version 6, one of version 4 is still the same (RFC 4291 §2.5.5.2); the list knows.
const lists = new Map<Reach, BlockList>();
for (const [reach, network, bits] of SUBNETS) {
  const list = lists.get(reach) ?? new BlockList();
  list.addSubnet(network, bits, familyOf(network));
  lists.set(reach, list);
}

/** Where the host of a URL stands, as far as its address says: what a name resolves to is not asked. */
export function reachOf(url: string): Reach {
  // Of schemes that it knows alone the parser brings addresses into their usual form.
  const { hostname } = new URL(url.replace(/^[a-z]+:/i, 'https:'));
  if (MACHINE_NAME.test(hostname)) return 'machine';
  const address = hostname.replace(/^\[(.*)\]$/, '$1');
  if (isIP(address) === 0) return 'anywhere';
  for (const [reach, list] of lists) if (list.check(address, familyOf(address))) return reach;
  return 'anywhere';
}

function familyOf(address: string): 'ipv4' | 'ipv6' {
  return isIP(address) === 6 ? 'ipv6' : 'ipv4';
}
