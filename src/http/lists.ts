import { type Static, Type } from 'typebox';
import { armorCertificate } from '../pgp/certificate.ts';
import { Refusal } from '../refusal.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import type { List } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { PageOf, Paging, pageOf } from './page.ts';
import { ListRole, Name } from './schemas.ts';

const tags = ['lists'];
export const ByList = Type.Object({ list: Name }, { description: 'the id or the address of a list' });

const ListView = Type.Object({
  id: Type.String(),
  address: Type.String(),
  role: ListRole,
  name: Type.String(),
  fingerprint: Type.String({ description: 'of its OpenPGP key' }),
});

export function listRoutes(app: App, api: Api): void {
  listLists(app, api);
  showList(app, api);
  showKey(app, api);
}

function listView({ id, address, role, name, fingerprint }: List): Static<typeof ListView> {
  return { id, address, role, name, fingerprint };
}

function listLists(app: App, { seams: { db } }: Api): void {
  const schema = { tags, summary: 'List the lists', querystring: Paging, response: { 200: PageOf(ListView) } };
  app.get('/lists', { schema }, async ({ query }) => {
    const { items, next } = pageOf(await lists.all(db), query, ({ address }) => address);
    return { items: items.map(listView), next };
  });
}

function showList(app: App, { seams: { db } }: Api): void {
  const schema = { tags, summary: 'Show a list', params: ByList, response: { 200: ListView } };
  app.get('/lists/:list', { schema }, async ({ params }) => listView(await knownList(db, params.list)));
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

/** By its id or its address. */
export async function knownList(db: Db, idOrAddress: string): Promise<List> {
  const found = (await lists.byId(db, idOrAddress)) ?? (await lists.byAddress(db, idOrAddress));
  if (!found) throw new Refusal('not-found', `There is no list ${idOrAddress}`);
  return found;
}
