import { type Static, Type } from 'typebox';
import { toIso } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import { Address } from '../roster/entries.ts';
import { addRecipient, publicList, removeRecipient } from '../roster/recipients.ts';
import * as recipients from '../store/recipients.ts';
import type { Recipient } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting } from './auth.ts';
import { InstantUtc } from './instant.ts';
import { ByList, knownList } from './lists.ts';
import { PageOf, Paging, readPageBy } from './page.ts';
import { Name } from './schemas.ts';

const tags = ['lists'];

const Kind = Type.Enum(['subscriber', 'external'], {
  description: '"subscriber", or "external": the list or archive of somebody else',
});
const RecipientView = Type.Object({ id: Type.String(), address: Type.String(), kind: Kind, createdAt: InstantUtc });

/** Who gets what a public list publishes. */
export function recipientRoutes(app: App, api: Api): void {
  listRecipients(app, api);
  postRecipient(app, api);
  deleteRecipient(app, api);
}

function recipientView({ id, address, kind, created_at }: Recipient): Static<typeof RecipientView> {
  return { id, address, kind, createdAt: toIso(created_at) };
}

function listRecipients(app: App, { seams: { db } }: Api): void {
  const response = { 200: PageOf(RecipientView) };
  const schema = { tags, summary: 'List who gets a public list', params: ByList, querystring: Paging, response };
  app.get('/lists/:list/recipients', { schema }, async ({ params, query }) => {
    const { id } = await publicList(db, (await knownList(db, params.list)).address);
    const { items, next } = await readPageBy(
      query,
      (of) => recipients.page(db, { ...of, listId: id }),
      ({ address }) => address,
    );
    return { items: items.map(recipientView), next };
  });
}

function postRecipient(app: App, { seams }: Api): void {
  const body = Type.Object({ address: Address, kind: Kind }, { additionalProperties: false });
  const schema = { tags, summary: 'Put an address on a public list', params: ByList, body, response: { 201: RecipientView } };
  app.post('/lists/:list/recipients', { schema }, async ({ params, body: { address, kind }, caller }, reply) => {
    const { address: list } = await knownList(seams.db, params.list);
    reply.code(201);
    return recipientView(await addRecipient(acting(seams, caller), { list, address, kind }));
  });
}

function deleteRecipient(app: App, { seams }: Api): void {
  const { db } = seams;
  const schema = {
    tags,
    summary: 'Take an address off a public list',
    params: Type.Object({ list: Name, recipient: Name }, { description: 'a list and a recipient, each by id or address' }),
    response: { 200: RecipientView },
  };
  app.delete('/lists/:list/recipients/:recipient', { schema }, async ({ params, caller }) => {
    const list = await publicList(db, (await knownList(db, params.list)).address);
    const found = await recipients.byIdOrAddress(db, list.id, params.recipient);
    if (!found) throw new Refusal('not-found', `${params.recipient} does not get ${list.address}`);
    await removeRecipient(acting(seams, caller), list.address, found.address);
    return recipientView(found);
  });
}
