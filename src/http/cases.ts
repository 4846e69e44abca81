import { Refusal } from '../refusal.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Case } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { caseSummary, caseView } from './case-view.ts';
import { deliveryView } from './deliveries.ts';
import { etagOf } from './etag.ts';
import { PageOf, Paging, readPage } from './page.ts';
import { ById, CaseSummary, CaseView, DeliveryView } from './schemas.ts';

const tags = ['cases'];

/** Reading cases; what changes them is in case-moves.ts. */
export function caseRoutes(app: App, api: Api): void {
  listCases(app, api);
  showCase(app, api);
  listCopies(app, api);
}

function listCases(app: App, { seams: { db } }: Api): void {
  const schema = { tags, summary: 'List cases, newest first', querystring: Paging, response: { 200: PageOf(CaseSummary) } };
  app.get('/cases', { schema }, async ({ query }) => {
    const { items, next } = await readPage(query, ({ limit, before }) =>
      cases.page(db, { limit, ...(before === undefined ? {} : { before: numberOf(before) }) }),
    );
    return { items: items.map(caseSummary), next };
  });
}

/** The id of a case is its place in the order of cases. */
function numberOf(cursor: string): { year: number; number: number } {
  const [, year, number] = /-(\d{4})-(\d{4,9})$/.exec(cursor) ?? [];
  if (year === undefined) throw new Refusal('invalid', 'cursor must be `next` of the page before');
  return { year: Number(year), number: Number(number) };
}

function showCase(app: App, { seams: { db } }: Api): void {
  const schema = { tags, summary: 'Show a case, without its content', params: ById, response: { 200: CaseView } };
  app.get('/cases/:id', { schema }, async ({ params }, reply) => {
    const found = await knownCase(db, params.id);
    reply.header('etag', etagOf(found.revision));
    return caseView(db, found);
  });
}

function listCopies(app: App, { seams: { db } }: Api): void {
  const schema = {
    tags,
    summary: 'List the deliveries of a case, newest first',
    params: ById,
    querystring: Paging,
    response: { 200: PageOf(DeliveryView) },
  };
  app.get('/cases/:id/deliveries', { schema }, async ({ params, query }) => {
    const { id: caseId } = await knownCase(db, params.id);
    const { items, next } = await readPage(query, (of) => deliveries.page(db, { ...of, caseId }));
    return { items: items.map(deliveryView), next };
  });
}

export async function knownCase(db: Db, id: string): Promise<Case> {
  const found = await cases.byId(db, id);
  if (!found) throw new Refusal('not-found', `There is no case ${id}`);
  return found;
}
