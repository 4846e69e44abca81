import { Type } from 'typebox';
import { overdueAmong } from '../cases/overdue.ts';
import { hintsOf, STAGES, type Stage, stageOf } from '../cases/state.ts';
import { caseKnownTo, handlersIn } from '../cases/step.ts';
import { Refusal } from '../refusal.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import type { Case } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting } from './auth.ts';
import { caseSummary, caseView } from './case-view.ts';
import { deliveryView } from './deliveries.ts';
import { etagOf } from './etag.ts';
import { PageOf, Paging, paging, readPage } from './page.ts';
import { ById, CaseSummary, CaseView, DeliveryView } from './schemas.ts';

const tags = ['cases'];

/** Reading cases; what changes them is in case-moves.ts. */
export function caseRoutes(app: App, api: Api): void {
  listCases(app, api);
  showCase(app, api);
  listCopies(app, api);
}

function listCases(app: App, { seams }: Api): void {
  const overdue = Type.Optional(Type.Enum(['true'], { description: '"true": those alone that all of the public ought to have' }));
  const state = Type.Optional(Type.Enum([...STAGES], { description: `those alone that stand so: one of ${STAGES.join(', ')}` }));
  const querystring = Type.Object({ ...paging, state, overdue }, { additionalProperties: false });
  const schema = { tags, summary: 'List cases, newest first', querystring, response: { 200: PageOf(CaseSummary) } };
  app.get('/cases', { schema }, async ({ query, caller }) => {
    const handlers = handlersIn(acting(seams, caller));
    const ids = query.overdue === undefined ? {} : { ids: await overdueIds(seams) };
    const { items, next } = await readPage(query, ({ limit, before }) => {
      const of = { limit, handlers, ...ids, ...(before === undefined ? {} : { before: numberOf(before) }) };
      return query.state === undefined ? cases.page(seams.db, of) : inState(seams.db, query.state, of);
    });
    const late = await overdueAmong(seams, items);
    return { items: items.map((about) => caseSummary(about, late.get(about.id) ?? null)), next };
  });
}

/** Of that many found in one go at least: of some states most that is found stands otherwise. */
const LOOKED_AT = 200;

/** How a case stands follows from many of its columns: it is asked of each that the database finds, the newest first. */
async function inState(db: Db, state: Stage, of: cases.Page): Promise<Case[]> {
  const found: Case[] = [];
  const some = { ...of, hints: hintsOf(state), limit: Math.max(of.limit, LOOKED_AT) };
  for (let { before } = of; ; ) {
    const rows = await cases.page(db, { ...some, ...(before === undefined ? {} : { before }) });
    found.push(...rows.filter((about) => stageOf(about) === state));
    const last = rows.at(-1);
    if (!last || rows.length < some.limit || found.length >= of.limit) return found.slice(0, of.limit);
    before = { year: last.year, number: last.number };
  }
}

async function overdueIds(seams: Api['seams']): Promise<string[]> {
  const { db } = seams;
  return [...(await overdueAmong(seams, [...(await cases.underWay(db)), ...(await cases.unpublished(db))])).keys()];
}

/** The id of a case is its place in the order of cases. */
function numberOf(cursor: string): { year: number; number: number } {
  const [, year, number] = /-(\d{4})-(\d{4,9})$/.exec(cursor) ?? [];
  if (year === undefined) throw new Refusal('invalid', 'cursor must be `next` of the page before');
  return { year: Number(year), number: Number(number) };
}

function showCase(app: App, { seams }: Api): void {
  const schema = { tags, summary: 'Show a case, without its content', params: ById, response: { 200: CaseView } };
  app.get('/cases/:id', { schema }, async ({ params, caller }, reply) => {
    const as = acting(seams, caller);
    const found = await caseKnownTo(seams.db, as, params.id);
    reply.header('etag', etagOf(found.revision));
    return caseView(as, found);
  });
}

function listCopies(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'List the deliveries of a case, newest first',
    params: ById,
    querystring: Paging,
    response: { 200: PageOf(DeliveryView) },
  };
  app.get('/cases/:id/deliveries', { schema }, async ({ params, query, caller }) => {
    const { id: caseId } = await caseKnownTo(seams.db, acting(seams, caller), params.id);
    const { items, next } = await readPage(query, (of) => deliveries.page(seams.db, { ...of, caseId }));
    return { items: items.map(deliveryView), next };
  });
}
