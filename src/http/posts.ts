import { type Static, Type } from 'typebox';
import { toIso } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import * as posts from '../store/posts.ts';
import type { Api, App } from './api.ts';
import { InstantUtc } from './instant.ts';
import { PageOf, paging, readPage } from './page.ts';
import { ById, Name, OrNull, Sha256 } from './schemas.ts';

const tags = ['posts'];

/** What is known of a post without opening it. */
const PostView = Type.Object({
  id: Type.String(),
  listId: Type.String(),
  caseId: OrNull(Type.String()),
  kind: Type.String(),
  digest: Sha256,
  sender: OrNull(Type.String({ description: 'envelope sender' })),
  signerContactId: OrNull(Type.String()),
  signerFingerprint: OrNull(Type.String()),
  encrypted: Type.Boolean({ description: 'whether it came encrypted; it is kept encrypted in any case' }),
  receivedAt: InstantUtc,
  size: Type.Integer({ description: 'octets in clear' }),
});

export function postRoutes(app: App, api: Api): void {
  listPosts(app, api);
  showPost(app, api);
}

function postView(post: posts.PostFacts): Static<typeof PostView> {
  return {
    id: post.id,
    listId: post.list_id,
    caseId: post.case_id,
    kind: post.kind,
    digest: post.digest,
    sender: post.sender,
    signerContactId: post.signer_contact_id,
    signerFingerprint: post.signer_fingerprint,
    encrypted: post.encrypted === 1,
    receivedAt: toIso(post.received_at),
    size: post.size,
  };
}

function listPosts(app: App, { seams: { db } }: Api): void {
  const querystring = Type.Object({ ...paging, caseId: Type.Optional(Name) }, { additionalProperties: false });
  const schema = { tags, summary: 'List posts, newest first', querystring, response: { 200: PageOf(PostView) } };
  app.get('/posts', { schema }, async ({ query }) => {
    const about = query.caseId === undefined ? {} : { caseId: query.caseId };
    const { items, next } = await readPage(query, (of) => posts.page(db, { ...of, ...about }));
    return { items: items.map(postView), next };
  });
}

function showPost(app: App, { seams: { db } }: Api): void {
  const schema = { tags, summary: 'Show a post, without its content', params: ById, response: { 200: PostView } };
  app.get('/posts/:id', { schema }, async ({ params }) => {
    const found = await posts.factsById(db, params.id);
    if (!found) throw new Refusal('not-found', `There is no post ${params.id}`);
    return postView(found);
  });
}
