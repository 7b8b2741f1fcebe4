import { isIPv6 } from 'node:net';

const MAPPED = /^::ffff:(\d+\.\d+\.\d+\.\d+)$/i;
// As kernels and proxies write most of them; the rest is taken apart.
const PLAIN_NETWORK = /^(?:(?:0|[1-9a-f][0-9a-f]{0,3}):){4}/;
const MAX_CHARACTERS = 64;
const NETWORK_GROUPS = 4;

/**
 * Gives what limits count as one address: an IPv4 address, also one written in IPv6, or the /64 network of an IPv6 one, of
 * which one client has all.
 */
export function addressKey(ip: string | undefined): string {
  if (ip === undefined) return ''; // the client has gone meanwhile
  if (!isIPv6(ip)) return ip.slice(0, MAX_CHARACTERS); // what a trusted proxy wrote may be anything
  const plain = PLAIN_NETWORK.exec(ip)?.[0];
  if (plain !== undefined) return `${plain}:/64`;
  const mapped = MAPPED.exec(ip)?.[1];
  if (mapped !== undefined) return mapped;
  const [head = '', tail] = ip.split('%', 1).join('').split('::');
  const groups = head === '' ? [] : head.split(':');
  // Where there is no `::`, there are eight of them.
  while (tail !== undefined && groups.length < 8 - countOf(tail)) groups.push('0');
  if (tail !== undefined && tail !== '') groups.push(...tail.split(':'));
  const network = groups.slice(0, NETWORK_GROUPS).map((group) => Number.parseInt(group, 16).toString(16));
  return `${network.join(':')}::/64`;
}

function countOf(tail: string): number {
  if (tail === '') return 0;
  // An IPv4 address at the end stands for two groups.
  return tail.split(':').length + (tail.includes('.') ? 1 : 0);
}
