import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { toIso } from '../clock.ts';
import { armorCertificate } from '../pgp/certificate.ts';
import { Refusal } from '../refusal.ts';
import { Address, NOT_ON_A_LINE } from '../roster/entries.ts';
import { keepKey } from '../roster/list-keys.ts';
import { changeList } from '../roster/lists.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import type { List, ListChange } from '../store/schema.ts';
import { versionOf } from '../store/version.ts';
import type { Api, App } from './api.ts';
import { acting } from './auth.ts';
import { etagOf, IfMatch, seenVersion } from './etag.ts';
import { PageOf, Paging, readPageBy } from './page.ts';
import { ListView, Name, policy } from './schemas.ts';

const tags = ['lists'];
export const ByList = Type.Object({ list: Name }, { description: 'the id or the address of a list' });

const PolicyChange = Type.Partial(Type.Object(policy), { additionalProperties: false, minProperties: 1 });

export function listRoutes(app: App, api: Api): void {
  listLists(app, api);
  postList(app, api);
  showList(app, api);
  patchList(app, api);
  showKey(app, api);
  keepListKey(app, api);
}

function listView(list: List): Static<typeof ListView> {
  const { id, address, role, name, fingerprint, unaddressed, largest, footer } = list;
  return {
    id,
    address,
    role,
    name,
    fingerprint,
    nextKey: list.next_fingerprint === null ? null : { fingerprint: list.next_fingerprint, from: toIso(list.next_at ?? 0) },
    encryptedOnly: list.encrypted_only === 1,
    signedOnly: list.signed_only === 1,
    membersOnly: list.members_only === 1 || role === 'private',
    moderated: list.moderated === 1,
    unaddressed,
    largest,
    fileNames: list.file_names,
    fileTypes: list.file_types,
    subjectPrefix: list.subject_prefix,
    footer,
    giveUp: list.give_up,
    seal: list.seal,
  };
}

function postList(app: App, { seams, addList }: Api): void {
  const body = Type.Object(
    {
      address: Address,
      role: Type.Enum(['private', 'public'], { description: '"private" or "public"; the one intake list is there' }),
      name: Type.Optional(
        Type.String({
          pattern: `^[^<>()${NOT_ON_A_LINE}]{1,100}$`,
          description: 'as its key names it: 1 to 100 characters without brackets and control characters',
        }),
      ),
    },
    { additionalProperties: false },
  );
  const schema = {
    tags,
    summary: 'Make a list, with a key of its own',
    description:
      'This node writes the file of the key to the folder of its list keys, and uses it at once. Other nodes need a copy of it and a restart, and so does a backup: before anybody is put on the list. A node without it puts mail to the list off; once the list has members, readers or posts, the node is not ready. Everybody sees the address on /keys, of a private list too.',
    body,
    response: { 201: ListView },
  };
  app.post('/lists', { schema }, async ({ body: { name = null, ...wanted }, caller }, reply) => {
    const list = await addList(acting(seams, caller), { ...wanted, name });
    reply.code(201);
    return shown(reply, list);
  });
}

function patchList(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Change what a list takes and what it adds',
    params: ByList,
    headers: IfMatch,
    body: PolicyChange,
    response: { 200: ListView },
  };
  app.patch('/lists/:list', { schema }, async ({ params, headers, body, caller }, reply) => {
    const { id } = await knownList(seams.db, params.list);
    return shown(reply, await changeList(acting(seams, caller), id, columnsOf(body), seenVersion(headers)));
  });
}

function shown(reply: FastifyReply, list: List): Static<typeof ListView> {
  reply.header('etag', etagOf(versionOf(list)));
  return listView(list);
}

function columnsOf(change: Static<typeof PolicyChange>): ListChange {
  const flag = (value: boolean | undefined) => (value === undefined ? undefined : Number(value));
  const columns = {
    encrypted_only: flag(change.encryptedOnly),
    signed_only: flag(change.signedOnly),
    members_only: flag(change.membersOnly),
    moderated: flag(change.moderated),
    unaddressed: change.unaddressed,
    largest: change.largest,
    file_names: change.fileNames,
    file_types: change.fileTypes,
    subject_prefix: change.subjectPrefix,
    footer: change.footer,
    give_up: change.giveUp,
    seal: change.seal,
  };
  return Object.fromEntries(Object.entries(columns).filter(([, value]) => value !== undefined));
}

function listLists(app: App, { seams: { db } }: Api): void {
  const schema = { tags, summary: 'List the lists', querystring: Paging, response: { 200: PageOf(ListView) } };
  app.get('/lists', { schema }, async ({ query }) => {
    const { items, next } = await readPageBy(
      query,
      (of) => lists.page(db, of),
      ({ address }) => address,
    );
    return { items: items.map(listView), next };
  });
}

function showList(app: App, { seams: { db } }: Api): void {
  const schema = { tags, summary: 'Show a list', params: ByList, response: { 200: ListView } };
  app.get('/lists/:list', { schema }, async ({ params }, reply) => shown(reply, await knownList(db, params.list)));
}

/** RFC 3156 §7. */
const KEYS = 'application/pgp-keys';

function showKey(app: App, { seams: { db, keyring } }: Api): void {
  const schema = {
    tags,
    summary: 'The certificate that mail to a list is encrypted to',
    params: ByList,
    response: { 200: { description: 'Armored', content: { [KEYS]: { schema: Type.String() } } } },
  };
  app.get('/lists/:list/key', { schema }, async ({ params }, reply) => {
    const { address, fingerprint } = await knownList(db, params.list);
    const key = keyring.find(fingerprint);
    if (!key) throw new Refusal('not-found', `The key of ${address} is not on this server`);
    return reply.type(KEYS).send(armorCertificate(key.certificate));
  });
}

/** Of a list that people use, another key is made on the host alone: its file is to be kept, and copied to the other nodes, before anybody is told of it. */
function keepListKey(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Call off the key that a list is to have next (`curfew keys rotate` makes one)',
    description:
      'The key that the list has stays. If its contacts were told of the other one, tell them so; what they encrypt to it is still opened.',
    params: ByList,
    headers: IfMatch,
    response: { 200: ListView },
  };
  app.delete('/lists/:list/key/next', { schema }, async ({ params, headers, caller }, reply) => {
    const { address } = await knownList(seams.db, params.list);
    return shown(reply, await keepKey(acting(seams, caller), address, seenVersion(headers)));
  });
}

/** By its id or its address. */
export async function knownList(db: Db, idOrAddress: string): Promise<List> {
  const found = (await lists.byId(db, idOrAddress)) ?? (await lists.byAddress(db, idOrAddress));
  if (!found) throw new Refusal('not-found', `There is no list ${idOrAddress}`);
  return found;
}
