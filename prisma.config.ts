import { defineConfig } from 'prisma/config';

// The command line only generates the client here: migrations are applied by libs/stores/database at start.
const config = defineConfig({ schema: 'prisma/schema.prisma', migrations: { path: 'prisma/migrations' } });
export default config;
