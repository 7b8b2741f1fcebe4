import { expect, test } from 'vitest';

import { reachOf } from './addresses.ts';

test.each([
  ['https://registry.globex.example', 'anywhere'],
  ['https://203.0.113.7:5000/x', 'anywhere'],
  ['https://[2001:db8::1]', 'anywhere'],
  ['https://localhost.example', 'anywhere'],
  ['http://localhost:5000', 'machine'],
  ['http://LOCALHOST.', 'machine'],
  ['http://x.localhost', 'machine'],
  ['http://127.0.0.1', 'machine'],
  ['http://127.1', 'machine'],
  ['http://0x7f000001', 'machine'],
  ['http://2130706433', 'machine'],
  ['http://0.0.0.0', 'machine'],
  ['http://[::1]', 'machine'],
  ['http://[::]', 'machine'],
  ['http://[::ffff:127.0.0.1]', 'machine'],
  ['nats://127.1:4222', 'machine'],
  ['nats://0x7f000001:4222', 'machine'],
  ['tls://[::1]:4222', 'machine'],
  ['http://169.254.169.254/latest', 'link'],
  ['http://[fe80::1]', 'link'],
  ['http://10.1.2.3', 'private'],
  ['http://172.31.0.1', 'private'],
  ['http://172.32.0.1', 'anywhere'],
  ['http://192.168.0.1', 'private'],
  ['http://[::ffff:192.168.0.1]', 'private'],
  ['http://[fd00::1]', 'private'],
])('%s stands %s', (url, reach) => {
  expect(reachOf(url)).toBe(reach);
});
