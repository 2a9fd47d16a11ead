import { defineConfig } from 'prisma/config';

// `migrations` is for the tools of Prisma, such as `prisma migrate status`; songhua applies them itself.
export default defineConfig({
  schema: 'prisma/schema.prisma',
  migrations: { path: 'prisma/migrations' },
  datasource: { url: process.env.SONGHUA_DATABASE_URL ?? '' },
});
