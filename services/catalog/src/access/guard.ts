import type { AccessRepository } from '@songhua/catalog';
import { ANONYMOUS, grantOf, type Principal, SonghuaError } from '@songhua/domain';
import type { FastifyInstance, FastifyRequest } from 'fastify';
import { unknown } from '../http/problems.js';
import type { Authenticate } from './authenticate.js';
import { type DeclaredRoute, declared } from './declare.js';
import { type Owned, owned } from './owners.js';
import type { Refusals } from './refusals.js';

export interface GuardDeps {
  access: AccessRepository;
  authenticate: Authenticate;
  refusals: Refusals;
}

const forbidden = (principal: Principal, why: string): SonghuaError =>
  new SonghuaError('access.forbidden', `${why}; you are ${principal.id}, ${describe(principal)}`, {
    actor: 'department',
  });

const describe = ({ role, department }: Principal): string => (department === null ? role : `${role} of ${department}`);

/**
 * Lets every request through only as its route declares: who it is before the body is read, whose things it touches after the request
 * was validated. Must be called before routes are added; returns them as they come.
 */
export function guard(app: FastifyInstance, deps: GuardDeps): readonly DeclaredRoute[] {
  const routes: DeclaredRoute[] = [];
  app.decorateRequest('principal', null as unknown as Principal);
  app.decorateRequest('department', undefined);

  const refuse = async (request: FastifyRequest, error: SonghuaError): Promise<never> => {
    await deps.refusals.note(request.principal, request, error.code);
    throw error;
  };

  app.addHook('onRoute', (route) => {
    routes.push(...declared(route));
  });

  app.addHook('onRequest', async (request) => {
    request.principal = ANONYMOUS;
    const { access } = request.routeOptions.config;
    if (request.is404 || !access || grantOf(ANONYMOUS, access)) return;
    try {
      request.principal = await deps.authenticate(request.headers.authorization);
    } catch (error) {
      return refuse(request, error as SonghuaError);
    }
    if (!grantOf(request.principal, access))
      await refuse(
        request,
        forbidden(request.principal, `${access} is not yours to do; ask an operator for a key that may`),
      );
  });

  app.addHook('preHandler', async (request) => {
    const { access, department: rule } = request.routeOptions.config;
    if (request.is404 || !access || !rule) return;
    const { principal } = request;
    const own = grantOf(principal, access) === 'own' ? principal.department : null;
    if (rule === 'list') {
      const asked = (request.query as { department?: string }).department;
      if (own !== null && asked !== undefined && asked !== own)
        await refuse(request, forbidden(principal, `what belongs to ${asked} is not shown to you`));
      request.department = own ?? asked;
    }
    if (own === null) return;
    const touched: Exclude<Owned, 'list'> = rule === 'list' ? owned.filters : rule;
    const owners = await touched.find(request, deps.access.owners);
    if (owners.every((owner) => owner === own)) return;
    // Whether another's thing exists is not told.
    const subject = touched.subject?.(request);
    if (subject !== undefined)
      await refuse(request, unknown(subject, `${own} has no ${subject} of this name or id; list yours`));
    await refuse(request, forbidden(principal, 'the request touches what does not belong to your department'));
  });
  return routes;
}
