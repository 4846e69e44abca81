import { type Static, Type } from 'typebox';
import { knownAmong } from '../cases/step.ts';
import { toIso } from '../clock.ts';
import { acceptPost, postKnownTo, refusePost, stopPost } from '../post/moderate.ts';
import * as posts from '../store/posts.ts';
import type { Api, App } from './api.ts';
import { acting, callerOf } from './auth.ts';
import { orNull } from './case-view.ts';
import { PageOf, paging, readPage } from './page.ts';
import { ById, Name, PostState, PostView, RefusedPostView, StoppedView } from './schemas.ts';

const tags = ['posts'];

export function postRoutes(app: App, api: Api): void {
  listPosts(app, api);
  showPost(app, api);
  approvePost(app, api);
  refuseHeld(app, api);
  holdPost(app, api);
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
    state: post.state,
    holdReason: post.hold_reason,
    decidedBy: post.decided_by,
    decidedAt: orNull(post.decided_at),
    purgedAt: orNull(post.purged_at),
  };
}

function listPosts(app: App, { seams }: Api): void {
  const querystring = Type.Object(
    { ...paging, caseId: Type.Optional(Name), state: Type.Optional(PostState) },
    { additionalProperties: false },
  );
  const schema = { tags, summary: 'List posts, newest first', querystring, response: { 200: PageOf(PostView) } };
  app.get('/posts', { schema }, async ({ query, caller }) => {
    const { items, next } = await readPage(query, (of) => posts.page(seams.db, { ...query, ...of }));
    return { items: (await knownAmong(seams.db, acting(seams, caller), items)).map(postView), next };
  });
}

function showPost(app: App, { seams }: Api): void {
  const schema = { tags, summary: 'Show a post, without its content', params: ById, response: { 200: PostView } };
  app.get('/posts/:id', { schema }, async ({ params, caller }) =>
    postView(await postKnownTo(seams.db, acting(seams, caller), params.id)),
  );
}

function approvePost(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Distribute a held post',
    params: ById,
    response: { 200: Type.Object({ copies: Type.Integer() }) },
  };
  app.post('/posts/:id/approve', { schema }, async (request) => {
    const copies = await acceptPost(acting(seams, request.caller), request.params.id, callerOf(request).personId);
    changed.deliveries();
    return { copies };
  });
}

function refuseHeld(app: App, { seams, changed }: Api): void {
  const body = Type.Object(
    { reason: Type.Optional(Type.String({ maxLength: 500, description: 'told to its signer, sealed' })) },
    { additionalProperties: false },
  );
  const schema = { tags, summary: 'Refuse a held post', params: ById, body, response: { 200: RefusedPostView } };
  app.post('/posts/:id/refuse', { schema }, async (request) => {
    const local = acting(seams, request.caller);
    const reach = await refusePost(local, request.params.id, callerOf(request).personId, request.body.reason ?? '');
    changed.deliveries();
    return { ...postView(await postKnownTo(seams.db, local, request.params.id)), ...reach };
  });
}

function holdPost(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Stop what was distributed: its copies that have not gone out wait until it is approved or refused',
    params: ById,
    response: { 200: StoppedView },
  };
  app.post('/posts/:id/hold', { schema }, async (request) => {
    const copies = await stopPost(acting(seams, request.caller), request.params.id);
    changed.deliveries();
    return copies;
  });
}
