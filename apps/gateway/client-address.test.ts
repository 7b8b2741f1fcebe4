import { expect, test } from 'vitest';

import { addressKey } from './client-address.ts';

test.each([
  { ip: '192.0.2.7', key: '192.0.2.7' },
  { ip: '::ffff:192.0.2.7', key: '192.0.2.7' },
  { ip: '2001:db8:1:2:3:4:5:6', key: '2001:db8:1:2::/64' },
  { ip: '2001:DB8:0001:2::1', key: '2001:db8:1:2::/64' },
  { ip: '2001:db8::1', key: '2001:db8:0:0::/64' },
  { ip: '2001:db8::', key: '2001:db8:0:0::/64' },
  { ip: '2001::2:3:4:5:6', key: '2001:0:0:2::/64' },
  { ip: '2001:db8:1:2:3::192.0.2.7', key: '2001:db8:1:2::/64' },
  { ip: '::1:2:3:4:192.0.2.7', key: '0:0:1:2::/64' },
  { ip: '::1', key: '0:0:0:0::/64' },
  { ip: 'fe80::1%eth0', key: 'fe80:0:0:0::/64' },
  { ip: 'unknown', key: 'unknown' },
  { ip: undefined, key: '' },
  { ip: 'x'.repeat(100), key: 'x'.repeat(64) },
])('$ip counts as $key', ({ ip, key }) => {
  expect(addressKey(ip)).toBe(key);
});
