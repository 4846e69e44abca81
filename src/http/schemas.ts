import { type TSchema, Type } from 'typebox';
import { InstantUtc } from './instant.ts';

/*
 * What the API answers about cases and deliveries. The command line reads its answers by the same schemas, so this file
 * knows nothing of how they are made.
 */

/** An id or an address, in a path or a query: nothing that a database could not take as a text. */
export const Name = Type.String({ pattern: '^[!-~]{1,254}$', description: 'an id: 1 to 254 printable ASCII characters' });
export const ById = Type.Object({ id: Name });

export const Sha256 = Type.String({ pattern: '^[0-9a-f]{64}$', description: 'a SHA-256 in lower-case hexadecimal' });

export const OrNull = <Schema extends TSchema>(schema: Schema) => Type.Union([schema, Type.Null()]);

export const ListRole = Type.Enum(['intake', 'private', 'public']);
export const DeliveryState = Type.Enum(['queued', 'leased', 'deferred', 'held', 'delivered', 'failed'], {
  description: '"queued", "leased", "deferred", "held", "delivered" or "failed"',
});
export const Audience = Type.Enum(['contact', 'reporter', 'stranger', 'public'], {
  description: '"contact", "reporter", "stranger" or "public"',
});

export const CaseSummary = Type.Object({
  id: Type.String({ description: 'PREFIX-YYYY-NNNN' }),
  state: Type.Enum(['received', 'scheduled', 'armed', 'released']),
  revision: Type.Integer({ description: 'goes up with every change; the ETag' }),
  receivedAt: InstantUtc,
  releaseAt: OrNull(InstantUtc),
  channels: Type.Array(Type.String(), { description: 'addresses of the public lists' }),
  bundleHash: OrNull(Sha256),
  dispatchedAt: OrNull(InstantUtc),
  releasedAt: OrNull(InstantUtc),
});

export const PatchView = Type.Object({
  id: Type.String(),
  sha256: Sha256,
  size: Type.Integer({ description: 'octets' }),
});

/** Everything about a case but its content. */
export const CaseView = Type.Object({
  ...CaseSummary.properties,
  approvals: Type.Array(Type.Object({ person: Type.String({ description: 'address' }), approvedAt: InstantUtc }), {
    description: 'of the bundle that stands there now',
  }),
  patches: Type.Array(PatchView),
});

/** What is to be approved, in clear. */
export const BundleView = Type.Object({
  hash: Sha256,
  releaseAt: OrNull(InstantUtc),
  channels: Type.Array(Type.String()),
  subject: Type.String(),
  text: Type.String(),
  patches: Type.Array(Type.Object({ name: Type.String(), sha256: Sha256, size: Type.Integer() })),
});

export const PatchAdded = Type.Object({ patch: Type.Object({ ...PatchView.properties, name: Type.String() }), case: CaseView });

export const Dispatched = Type.Object({
  postId: Type.String(),
  copies: Type.Integer({ description: 'one for each active contact of the list who has none of this bundle yet' }),
});

export const DeliveryView = Type.Object({
  id: Type.String(),
  postId: Type.String(),
  listId: Type.String(),
  caseId: OrNull(Type.String()),
  audience: Audience,
  address: Type.String(),
  messageId: Type.String(),
  state: DeliveryState,
  attempts: Type.Integer(),
  dueAt: InstantUtc,
  reason: OrNull(Type.String({ description: 'why it is held, deferred or failed' })),
  response: OrNull(Type.String({ description: 'the last answer of the relay' })),
  createdAt: InstantUtc,
  settledAt: OrNull(InstantUtc),
});
