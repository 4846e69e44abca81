import { Type } from 'typebox';
import { linkDuplicate } from '../cases/duplicate.ts';
import { NOTICES, previewNotice, sendNotice } from '../cases/notices.ts';
import { caseKnownTo } from '../cases/step.ts';
import { toIso } from '../clock.ts';
import { draftForthcoming, waitingForthcoming } from '../embargo/forthcoming.ts';
import { Address } from '../roster/entries.ts';
import * as acknowledgements from '../store/acknowledgements.ts';
import * as lists from '../store/lists.ts';
import type { Api, App } from './api.ts';
import { acting, mustReadInClear } from './auth.ts';
import { answer } from './case-moves.ts';
import { orNull } from './case-view.ts';
import { IfMatch, seenRevision } from './etag.ts';
import { AcknowledgementsView, ById, DuplicateLinked, Name, NoticeSent, NoticeView } from './schemas.ts';

const tags = ['cases'];
const strict = { additionalProperties: false } as const;

/** What a person has Curfew write in a case, and what members say of what they got. */
export function caseNotices(app: App, api: Api): void {
  preview(app, api);
  postNotice(app, api);
  showAcknowledgements(app, api);
  postDuplicate(app, api);
}

const Text = Type.String({ minLength: 1, maxLength: 50_000, pattern: '^[^\\u0000]*$', description: 'words of your own' });
const sent = NOTICES.filter((kind) => kind !== 'dispatch');

function preview(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Show a notice of a case as each recipient would get it, and who would not; nothing is sent',
    params: ById,
    body: Type.Object(
      {
        kind: Type.Enum([...NOTICES], { description: NOTICES.join(', ') }),
        text: Type.Optional(Text),
        list: Type.Optional(Address),
      },
      strict,
    ),
    response: { 200: NoticeView },
  };
  app.post('/cases/:id/notices/preview', { schema }, async (request, reply) => {
    mustReadInClear(request);
    const { kind, text = null, list = null } = request.body;
    reply.code(200);
    const as = acting(seams, request.caller);
    const shown = await previewNotice(as, request.params.id, kind, { text, list });
    const about = await caseKnownTo(seams.db, as, request.params.id);
    const isDraft = kind === 'forthcoming' && text === null && (await waitingForthcoming(seams.db, about)) !== null;
    return { ...shown, hash: isDraft ? about.forthcoming_hash : null };
  });
}

function postNotice(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Send a notice of a case. "forthcoming" is drafted: another person approves its hash, and with that it goes out',
    params: ById,
    headers: IfMatch,
    body: Type.Object({ kind: Type.Enum(sent, { description: sent.join(', ') }), text: Type.Optional(Text) }, strict),
    response: { 201: NoticeSent },
  };
  app.post('/cases/:id/notices', { schema }, async ({ params, headers, body, caller }, reply) => {
    const { kind, text = null } = body;
    const wish = { text, list: null };
    const as = acting(seams, caller);
    const seen = seenRevision(headers);
    reply.code(201);
    if (kind === 'forthcoming') {
      const { case: about, hash } = await draftForthcoming(as, params.id, text, seen);
      const shown = await previewNotice(as, params.id, kind, { text: null, list: null });
      return { ...shown, hash, case: await answer(reply, seams, about) };
    }
    const { case: about, ...shown } = await sendNotice(as, params.id, kind, wish, seen);
    changed.deliveries();
    return { ...shown, hash: null, case: await answer(reply, seams, about) };
  });
}

function showAcknowledgements(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Read who was sent which patches of a case, what became of the copy, and what he says of it',
    params: ById,
    response: { 200: AcknowledgementsView },
  };
  app.get('/cases/:id/acknowledgements', { schema }, async ({ params, caller }) => {
    const { id } = await caseKnownTo(seams.db, acting(seams, caller), params.id);
    const addresses = new Map((await lists.all(seams.db)).map((list) => [list.id, list.address]));
    const receipts = await acknowledgements.ofCase(seams.db, id);
    return {
      items: receipts.map((one) => ({
        organisation: one.organisation,
        memberId: one.memberId,
        address: one.address,
        list: addresses.get(one.listId) ?? one.listId,
        postId: one.postId,
        revision: one.revision,
        sentAt: toIso(one.sentAt),
        delivery: one.state,
        reason: one.reason,
        settledAt: orNull(one.settledAt),
        status: one.status ?? ('unacknowledged' as const),
        at: orNull(one.acknowledgedAt),
      })),
    };
  });
}

function postDuplicate(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Say that a case was reported before, as another one: its reporter is told, and credited in the other case',
    params: ById,
    headers: IfMatch,
    body: Type.Object({ of: Name, text: Type.Optional(Text) }, strict),
    response: { 201: DuplicateLinked },
  };
  app.post('/cases/:id/duplicate', { schema }, async ({ params, headers, body, caller }, reply) => {
    const wish = { of: body.of, text: body.text ?? null };
    const linked = await linkDuplicate(acting(seams, caller), params.id, wish, seenRevision(headers));
    changed.deliveries();
    reply.code(201);
    const { case: about, ...shown } = linked;
    return { ...shown, hash: null, case: await answer(reply, seams, about) };
  });
}
