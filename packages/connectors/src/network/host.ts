import { isIP } from 'node:net';
import { z } from 'zod';

// What comes with addresses that are pasted whole: scheme, user, port, path.
const MORE_THAN_A_HOST = /[\s/\\@?#,]|:/;

/** A host as config names it. Whether it may be reached is the network's to judge. */
export const hostSchema = z
  .string()
  .min(1)
  .max(255)
  .refine(
    (host) => isIP(host.replace(/^\[|\]$/g, '')) !== 0 || !MORE_THAN_A_HOST.test(host),
    'expected the name or address of a machine alone, such as db.example.gov.cn: no scheme, user or path, and its port is said as `port`',
  );
