import type { AuditRepository } from '@songhua/catalog';
import { type Principal, reasonOf } from '@songhua/domain';
import { Counter, type Logger, type Registry } from '@songhua/runtime';
import type { FastifyRequest } from 'fastify';

// A flood of refused requests writes one row a route and principal in this time; the next row tells how many were left out.
const WINDOW_MS = 10 * 60_000;
// Principals times routes that are remembered: about 1 MB.
const REMEMBERED = 5000;
const SHOWN = 200;

export interface Refusals {
  /** Notes that somebody known tried what is not theirs to do; resolves when the audit row is written, or none is needed. */
  note(principal: Principal, request: FastifyRequest, why: string): Promise<void>;
}

export function createRefusals(deps: {
  audit: AuditRepository;
  logger: Logger;
  metrics: Registry;
  now(): Date;
}): Refusals {
  const windows = new Map<string, { began: number; omitted: number }>();
  const counted = new Counter({
    name: 'songhua_access_refused_total',
    help: 'Requests refused, by route and reason',
    labelNames: ['route', 'reason'],
    registers: [deps.metrics],
  });

  return {
    async note(principal, request, why) {
      const route = request.routeOptions.url ?? 'none';
      counted.inc({ route, reason: why });
      if (principal.role === 'anonymous' && principal.id === 'anonymous') return;
      const key = `${principal.id} ${request.method} ${route}`;
      const now = deps.now().getTime();
      const open = windows.get(key);
      if (open && now - open.began < WINDOW_MS) {
        open.omitted++;
        return;
      }
      windows.delete(key);
      windows.set(key, { began: now, omitted: 0 });
      if (windows.size > REMEMBERED)
        for (const oldest of windows.keys()) {
          windows.delete(oldest);
          break;
        }
      const detail = {
        reason: why,
        role: principal.role,
        path: (request.url.split('?')[0] ?? '').slice(0, SHOWN),
        ...(principal.department !== null && { department: principal.department }),
        ...(open && open.omitted > 0 && { omitted: open.omitted }),
      };
      await deps.audit
        .append(principal.id, 'access.refuse', `Route/${request.method} ${route}`, detail)
        .catch((error: unknown) => {
          // The request is refused either way.
          deps.logger.error(
            { reason: reasonOf(error), principal: principal.id, route },
            'a refusal could not be audited',
          );
        });
    },
  };
}
