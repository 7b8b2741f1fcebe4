import { PrismaPg } from '@prisma/adapter-pg';

import { PrismaClient } from './generated/client.ts';

// Ordinary queries are rare and short.
const CONNECTIONS = 4;
// It sends times without their offset, and reads them so.
const IN_UTC = '-c TimeZone=UTC';

/** Makes the Prisma client of a database, with a small pool of its own that connects when the first query comes. */
export function openPrisma(url: string): PrismaClient {
  return new PrismaClient({
    adapter: new PrismaPg({ connectionString: url, max: CONNECTIONS, options: IN_UTC }),
  });
}
