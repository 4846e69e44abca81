import type { FastifyRequest } from 'fastify';
import { detailsOf } from '../cases/describe.ts';
import { caseKnownTo, knowsCase } from '../cases/step.ts';
import { PRIORITY } from '../delivery/copies.ts';
import { openParts } from '../embargo/contents.ts';
import { proposedCase } from '../embargo/proposal.ts';
import { advisoryOf, publishingOf, templateText } from '../embargo/published.ts';
import { Refusal } from '../refusal.ts';
import type { Seams } from '../seams.ts';
import * as audit from '../store/audit.ts';
import type { Db } from '../store/database.ts';
import * as deliveries from '../store/deliveries.ts';
import * as lists from '../store/lists.ts';
import type { Case } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting, mustReadInClear } from './auth.ts';
import { orNull } from './case-view.ts';
import { advisoryFiles } from './library.ts';
import { Paging, readPage } from './page.ts';
import { openApprovable, Proposed } from './proposed.ts';
import { ById, DraftView, Preview, Timeline } from './schemas.ts';

const tags = ['cases'];

/** What of a case the public will read, as it will be, and what became of it. */
export function casePublic(app: App, api: Api): void {
  showPreview(app, api);
  showDraft(app, api);
  showTimeline(app, api);
}

/** In clear: for people of the team, and admins. */
async function readable({ seams }: Api, request: FastifyRequest, id: string): Promise<Case> {
  mustReadInClear(request);
  return caseKnownTo(seams.db, acting(seams, request.caller), id);
}

function showPreview(app: App, api: Api): void {
  const schema = {
    tags,
    summary: 'Read the page and the documents of the bundle that is to be approved, as they will be',
    params: ById,
    querystring: Proposed,
    response: { 200: Preview },
  };
  app.get('/cases/:id/preview', { schema }, async (request) => {
    const { seams } = api;
    const seen = await readable(api, request, request.params.id);
    const { about, contents } = await openApprovable(seams, seen, request.query);
    if (contents.note) return { files: [] };
    const advisory = advisoryOf(publishingOf(about.id, about.release_at ?? seams.clock.now(), contents));
    const files = [...advisoryFiles([advisory], seams.project.site, [])];
    const own = files.filter(([path]) => /^\/(advisories\/.|osv\/|cve\/|csaf\/\d{4}\/.*\.json$)/.test(path));
    return { files: own.map(([path, { type, body }]) => ({ path, type, body: Buffer.from(body).toString() })) };
  });
}

function showDraft(app: App, api: Api): void {
  const schema = {
    tags,
    summary: 'Read a text for the public to begin with, made of what is known; nothing is changed',
    params: ById,
    response: { 200: DraftView },
  };
  app.get('/cases/:id/text/draft', { schema }, async (request) => {
    const { seams } = api;
    // What is proposed is what is known by now.
    const about = proposedCase(await readable(api, request, request.params.id));
    const details = about.details_post_id === null ? null : await detailsOf(seams, about);
    const { patches } = await openParts(seams, about);
    const releasedAt = about.release_at ?? seams.clock.now();
    const { subject, text } = templateText({ caseId: about.id, releasedAt, details, patches }, seams.project.site);
    return { subject, text };
  });
}

function showTimeline(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'List what was done in a case, newest first, and what became of its public mails',
    params: ById,
    querystring: Paging,
    response: { 200: Timeline },
  };
  app.get('/cases/:id/timeline', { schema }, async ({ params, query, caller }) => {
    const { db } = seams;
    const as = acting(seams, caller);
    const { id } = await caseKnownTo(db, as, params.id);
    const { items, next } = await readPage(query, async ({ before, limit }) => {
      const rows = await audit.page(db, {
        subject: `case:${id}`,
        limit,
        ...(before === undefined ? {} : { before: seqOf(before) }),
      });
      return rows.map((row) => ({ ...row, id: String(row.seq) }));
    });
    const sent = await deliveries.channels(db, id, PRIORITY.external);
    const addresses = await lists.addresses(
      db,
      sent.map(({ listId }) => listId),
    );
    const channels = sent.map(({ listId, firstAt, lastAt, ...rest }) => ({
      ...rest,
      channel: addresses.get(listId) ?? listId,
      firstAt: orNull(firstAt),
      lastAt: orNull(lastAt),
    }));
    const shown = await Promise.all(items.map(async ({ line, hash }) => ({ ...(await lineFor(db, as, line)), hash })));
    return { items: shown, next, channels };
  });
}

/**
 * A line of the log as whoever asks may read it: of another case, which a duplicate is of, he knows where he handles that one too. Where he does
 * not, he gets no `nonce` either, so that the hash of the line tells him nothing.
 */
async function lineFor(db: Db, as: Seams, line: string) {
  const read = JSON.parse(line);
  if (read.action !== 'case.duplicate' || (await knowsCase(db, as, read.detail.of))) return read;
  const { nonce: _, ...rest } = read.detail;
  return { ...read, detail: { ...rest, of: null } };
}

function seqOf(cursor: string): number {
  if (!/^\d{1,15}$/.test(cursor)) throw new Refusal('invalid', 'cursor must be `next` of the page before');
  return Number(cursor);
}
