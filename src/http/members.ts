import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { toIso } from '../clock.ts';
import { Refusal } from '../refusal.ts';
import { addMember } from '../roster/enter.ts';
import { Address, Entry, GroupName } from '../roster/entries.ts';
import { changeMember } from '../roster/members.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as members from '../store/members.ts';
import type { Member } from '../store/schema.ts';
import { versionOf } from '../store/version.ts';
import type { Api, App } from './api.ts';
import { acting } from './auth.ts';
import { orNull } from './case-view.ts';
import { etagOf, IfMatch, seenVersion } from './etag.ts';
import { knownList } from './lists.ts';
import { PageOf, paging, readPageBy } from './page.ts';
import { ById, MemberState, MemberView, Name, OrNull } from './schemas.ts';

const tags = ['roster'];
const strict = { additionalProperties: false } as const;
const { organisation, product } = Entry.properties;

export function memberRoutes(app: App, api: Api): void {
  listMembers(app, api);
  showMember(app, api);
  postMember(app, api);
  patchMember(app, api);
}

/** `known`: the addresses of his lists. `unproved`: of contacts, by member. */
function memberView(
  member: members.PlacedMember,
  known: ReadonlyMap<string, string>,
  unproved: ReadonlyMap<string, number>,
): Static<typeof MemberView> {
  const { id, state, reason, created_at, updated_at } = member;
  return {
    id,
    organisation: member.organisation,
    product: member.product,
    state,
    reason,
    lists: member.lists.flatMap((list) => known.get(list) ?? []).sort(),
    groups: member.groups,
    createdAt: toIso(created_at),
    updatedAt: toIso(updated_at),
    terms: member.terms,
    reviewAt: orNull(member.review_at),
    unproved: unproved.get(id) ?? 0,
    etag: etagOf(versionOf(member)),
  };
}

export async function shown(db: Db, reply: FastifyReply, member: Member): Promise<Static<typeof MemberView>> {
  const placed = await members.placed(db, member);
  const unproved = await contacts.countUnproved(db, [member.id]);
  const view = memberView(placed, await lists.addresses(db, placed.lists), unproved);
  reply.header('etag', view.etag);
  return view;
}

const Filter = Type.Object(
  {
    ...paging,
    state: Type.Optional(MemberState),
    list: Type.Optional({ ...Name, description: 'the id or the address of a list that they are on' }),
    group: Type.Optional(GroupName),
    organisation: Type.Optional({ ...organisation, description: 'what the name begins with, to the letter' }),
  },
  strict,
);

function listMembers(app: App, { seams: { db } }: Api): void {
  const response = { 200: PageOf(MemberView) };
  const schema = { tags, summary: 'List the members, in every state, by organisation', querystring: Filter, response };
  app.get('/members', { schema }, async ({ query: { list, ...query } }) => {
    const filter = { ...query, ...(list === undefined ? {} : { listId: (await knownList(db, list)).id }) };
    const { items, next } = await readPageBy(
      query,
      (of) => members.page(db, { ...filter, ...of }),
      (member) => member.organisation,
    );
    const known = await lists.addresses(db, [...new Set(items.flatMap((member) => member.lists))]);
    const unproved = await contacts.countUnproved(
      db,
      items.map(({ id }) => id),
    );
    return { items: items.map((member) => memberView(member, known, unproved)), next };
  });
}

function showMember(app: App, { seams: { db } }: Api): void {
  const schema = { tags, summary: 'Show a member', params: ById, response: { 200: MemberView } };
  app.get('/members/:id', { schema }, async ({ params }, reply) => shown(db, reply, await knownMember(db, params.id)));
}

function postMember(app: App, { seams }: Api): void {
  const body = Type.Object(
    {
      organisation,
      product,
      lists: Type.Array(Address, { maxItems: 100, description: 'an array of list addresses' }),
      groups: Type.Optional(Type.Array(GroupName, { maxItems: 100, description: 'an array of names of groups' })),
    },
    strict,
  );
  const schema = { tags, summary: 'Add a member, as one who has applied', body, response: { 201: MemberView } };
  app.post('/members', { schema }, async ({ body: wish, caller }, reply) => {
    const member = await addMember(acting(seams, caller), { ...wish, product: wish.product ?? null });
    reply.code(201);
    return shown(seams.db, reply, member);
  });
}

function patchMember(app: App, { seams, changed }: Api): void {
  const onLists = Type.Array(Address, { maxItems: 100, description: 'addresses of all the lists that he is to be on' });
  const inGroups = Type.Array(GroupName, { maxItems: 100, description: 'names of all the groups that he is to be in' });
  const schema = {
    tags,
    summary: 'Change the name, the product, the lists and the groups of a member',
    description: 'What is left out stays as it is.',
    params: ById,
    headers: IfMatch,
    body: Type.Object(
      {
        organisation: Type.Optional(organisation),
        product: Type.Optional(OrNull(organisation)),
        lists: Type.Optional(onLists),
        groups: Type.Optional(inGroups),
      },
      { ...strict, minProperties: 1 },
    ),
    response: { 200: MemberView },
  };
  app.patch('/members/:id', { schema }, async ({ params, headers, body, caller }, reply) => {
    const member = await changeMember(acting(seams, caller), params.id, body, seenVersion(headers));
    changed.deliveries();
    return shown(seams.db, reply, member);
  });
}

export async function knownMember(db: Db, id: string): Promise<Member> {
  const found = await members.byId(db, id);
  if (!found) throw new Refusal('not-found', `There is no member ${id}`);
  return found;
}
