import { type Action, dependsOnDepartment, type Principal, SonghuaError } from '@songhua/domain';
import type { RouteOptions } from 'fastify';
import type { Owned } from './owners.js';

declare module 'fastify' {
  interface FastifyContextConfig {
    /** What somebody does who calls the route, by the table in `@songhua/domain`. Every route says it. */
    access?: Action;
    /** Whose things the route touches; needed where some role may do the action for its own department only. */
    department?: Owned;
  }
  interface FastifyRequest {
    /** Who calls. On public routes nobody looks, and it is `anonymous`. */
    principal: Principal;
    /** On routes that list: the department to show, all of them when undefined. */
    department: string | undefined;
  }
}

/** One route as the access matrix sees it. */
export interface DeclaredRoute {
  method: string;
  url: string;
  access: Action;
  department?: Owned;
}

/** Throws `access.undeclared` for a route that does not say who may call it, so that none is served by oversight. */
export function declared(route: RouteOptions): DeclaredRoute[] {
  const { access, department } = route.config ?? {};
  const where = `${route.method} ${route.url}`;
  if (!access)
    throw new SonghuaError('access.undeclared', `${where} does not say who may call it: give its config an access`);
  if (dependsOnDepartment(access) && !department)
    throw new SonghuaError(
      'access.undeclared',
      `${where} may be called for one's own department, but does not say whose things it touches: give its config a department`,
    );
  return [route.method].flat().map((method) => ({ method, url: route.url, access, ...(department && { department }) }));
}
