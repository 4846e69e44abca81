import { type Static, Type } from 'typebox';
import { knownAmong } from '../cases/step.ts';
import { toIso } from '../clock.ts';
import { copyKnownTo, dropCopy, holdCopy, moveCopies, retryCopy, type Verb } from '../delivery/by-hand.ts';
import * as attempts from '../store/attempts.ts';
import * as cameBack from '../store/came-back.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Delivery } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting } from './auth.ts';
import { orNull } from './case-view.ts';
import { knownList } from './lists.ts';
import { PageOf, paging, readPage } from './page.ts';
import { Audience, ById, DeliveryState, DeliveryView, MovedCopies, Name, OrNull, Reason, WholeDeliveryView } from './schemas.ts';

const tags = ['deliveries'];

export function deliveryRoutes(app: App, api: Api): void {
  listDeliveries(app, api);
  showDelivery(app, api);
  retryDelivery(app, api);
  takeOut(app, api, 'hold', holdCopy, 'Hold a queued or deferred copy until somebody sends or drops it');
  takeOut(app, api, 'drop', dropCopy, 'End a held or deferred copy: it goes to nobody');
  retryMany(app, api);
  takeOutMany(app, api, 'hold');
  takeOutMany(app, api, 'drop');
}

export function deliveryView(copy: Delivery): Static<typeof DeliveryView> {
  const { id, audience, address, state, attempts, reason, response } = copy;
  return {
    id,
    postId: copy.post_id,
    listId: copy.list_id,
    caseId: copy.case_id,
    audience,
    address,
    messageId: copy.message_id,
    state,
    attempts,
    dueAt: toIso(copy.due_at),
    reason,
    response,
    createdAt: toIso(copy.created_at),
    settledAt: orNull(copy.settled_at),
  };
}

const Filter = Type.Object(
  {
    ...paging,
    state: Type.Optional(DeliveryState),
    audience: Type.Optional(Audience),
    caseId: Type.Optional(Name),
    postId: Type.Optional(Name),
    list: Type.Optional(Name),
    reason: Type.Optional(Type.String({ pattern: '^[a-z0-9-]{1,40}$', description: 'why it is held, deferred or failed' })),
  },
  { additionalProperties: false },
);

function listDeliveries(app: App, { seams }: Api): void {
  const schema = { tags, summary: 'List copies, newest first', querystring: Filter, response: { 200: PageOf(DeliveryView) } };
  app.get('/deliveries', { schema }, async ({ query, caller }) => {
    const { db } = seams;
    const { list, ...filter } = query;
    const ofList = list === undefined ? {} : { listId: (await knownList(db, list)).id };
    const { items, next } = await readPage(query, (of) => deliveries.page(db, { ...filter, ...ofList, ...of }));
    return { items: (await knownAmong(db, acting(seams, caller), items)).map(deliveryView), next };
  });
}

function showDelivery(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Show a copy, with its attempts and what came to its address',
    params: ById,
    response: { 200: WholeDeliveryView },
  };
  app.get('/deliveries/:id', { schema }, async ({ params, caller }) => {
    const copy = await copyKnownTo(seams.db, acting(seams, caller), params.id);
    const tried = await attempts.ofCopy(seams.db, copy.id);
    const returned = await cameBack.ofCopy(seams.db, copy.id);
    return {
      ...deliveryView(copy),
      tried: tried.map(({ number, at, state, reason, response }) => ({ number, at: toIso(at), state, reason, response })),
      cameBack: returned.map(({ post_id: postId, at, what, words }) => ({ postId, at: toIso(at), what, words })),
    };
  });
}

function retryDelivery(app: App, { seams, changed }: Api): void {
  const body = OrNull(Type.Object({ reason: Type.Optional(Reason) }, { additionalProperties: false }));
  const schema = { tags, summary: 'Send a held or deferred copy now', params: ById, body, response: { 200: DeliveryView } };
  app.post('/deliveries/:id/retry', { schema }, async ({ params, body, caller }) => {
    const local = acting(seams, caller);
    await retryCopy(local, params.id, body?.reason ?? null);
    changed.deliveries();
    return deliveryView(await copyKnownTo(seams.db, local, params.id));
  });
}

function takeOut(app: App, { seams }: Api, verb: 'hold' | 'drop', move: typeof holdCopy, summary: string): void {
  const body = Type.Object({ reason: Reason }, { additionalProperties: false });
  const schema = { tags, summary, params: ById, body, response: { 200: DeliveryView } };
  app.post(`/deliveries/:id/${verb}`, { schema }, async ({ params, body: { reason }, caller }) => {
    const local = acting(seams, caller);
    await move(local, params.id, reason);
    return deliveryView(await copyKnownTo(seams.db, local, params.id));
  });
}

const ids = Type.Array(Name, {
  minItems: 1,
  maxItems: 100,
  uniqueItems: true,
  description: 'ids of 1 to 100 copies, none of them twice',
});

function retryMany(app: App, { seams, changed }: Api): void {
  const body = Type.Object({ ids, reason: Type.Optional(Reason) }, { additionalProperties: false });
  const schema = { tags, summary: 'Send many held or deferred copies now', body, response: { 200: MovedCopies } };
  app.post('/deliveries/retry', { schema }, async ({ body: { ids, reason }, caller }) => {
    const moved = await moveCopies(acting(seams, caller), 'retry', ids, reason ?? null);
    changed.deliveries();
    return moved;
  });
}

function takeOutMany(app: App, { seams }: Api, verb: Exclude<Verb, 'retry'>): void {
  const body = Type.Object({ ids, reason: Reason }, { additionalProperties: false });
  const summary = verb === 'hold' ? 'Hold many queued or deferred copies' : 'End many held or deferred copies';
  const schema = { tags, summary, body, response: { 200: MovedCopies } };
  app.post(`/deliveries/${verb}`, { schema }, async ({ body: { ids, reason }, caller }) =>
    moveCopies(acting(seams, caller), verb, ids, reason),
  );
}
