import { grantOf, type Principal } from './access.js';

/** Who makes a change, as revisions and audit rows name them, and whether it needs nobody else's approval. */
export interface Author {
  name: string;
  mayApprove: boolean;
}

export const authorOf = (principal: Principal): Author => ({
  name: principal.id,
  mayApprove: grantOf(principal, 'resource.approve') === 'all',
});
