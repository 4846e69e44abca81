import type { FastifyReply } from 'fastify';
import { type Static, Type } from 'typebox';
import { caseKnownTo } from '../cases/step.ts';
import { mustHaveRoom } from '../delivery/room.ts';
import { approve } from '../embargo/approve.ts';
import { channelsOf } from '../embargo/contents.ts';
import { dispatch } from '../embargo/dispatch.ts';
import { limitCase } from '../embargo/need-to-know.ts';
import { withoutReaders } from '../embargo/public-copies.ts';
import { release } from '../embargo/release.ts';
import { dropProposal, retract } from '../embargo/retract.ts';
import { addPatch, schedule, setText, withdrawPatch } from '../embargo/schedule.ts';
import { Refusal } from '../refusal.ts';
import { Address, GroupName } from '../roster/entries.ts';
import type { Seams } from '../seams.ts';
import type { Case } from '../store/schema.ts';
import type { Api, App } from './api.ts';
import { acting, callerOf, mustReadInClear } from './auth.ts';
import { bundleView, caseView, orNull } from './case-view.ts';
import { etagOf, IfMatch, seenRevision } from './etag.ts';
import { InstantText, readInstant } from './instant.ts';
import { openApprovable, Proposed } from './proposed.ts';
import { BundleView, ById, CaseView, Dispatched, Limited, Name, PatchAdded, Sha256 } from './schemas.ts';

const tags = ['cases'];
const strict = { additionalProperties: false } as const;

const MIB = 1024 * 1024;
const LARGEST_PATCH = 25 * MIB;
/** Base 64 makes 4 octets of 3; the rest is for the name and the JSON around it. */
const PATCH_BODY = Math.ceil(LARGEST_PATCH / 3) * 4 + MIB;

export function caseMoves(app: App, api: Api): void {
  putSchedule(app, api);
  putText(app, api);
  postPatch(app, api);
  deletePatch(app, api);
  showBundle(app, api);
  postApproval(app, api);
  putNeedToKnow(app, api);
  deleteNeedToKnow(app, api);
  postDispatch(app, api);
  postRetract(app, api);
  releaseNow(app, api);
}

export async function answer(reply: FastifyReply, seams: Seams, about: Case): Promise<Static<typeof CaseView>> {
  reply.header('etag', etagOf(about.revision));
  return caseView(acting(seams, reply.request.caller), about);
}

const Subject = Type.String({ minLength: 1, maxLength: 500, description: 'the subject for the public, 1 to 500 characters' });
const Text = Type.String({ minLength: 1, maxLength: 500_000, description: 'the text for the public, 1 to 500000 characters' });

const Schedule = Type.Object(
  {
    releaseAt: InstantText,
    subject: Type.Optional(Subject),
    text: Type.Optional(Text),
    policies: Type.Optional(
      Type.Array(Type.String({ pattern: '^[a-z0-9-]{1,40}$' }), {
        maxItems: 5,
        description:
          'names of policies that the case is under beside the project’s; left out: as it is. None is taken away once distributors were told',
      }),
    ),
    channels: Type.Optional(
      Type.Array(Address, {
        minItems: 1,
        maxItems: 100,
        description: 'addresses of public lists; left out: as they are, and all of them at first',
      }),
    ),
  },
  strict,
);

function putSchedule(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary:
      'Set the instant and the channels of the release, and perhaps the text; voids what was approved before. Of an armed case it is a proposal, and that stands until two people approve the other',
    params: ById,
    headers: IfMatch,
    body: Schedule,
    response: { 200: CaseView },
  };
  app.put('/cases/:id/schedule', { schema }, async ({ params, headers, body, caller }, reply) => {
    const wish = { ...body, releaseAt: readInstant(body.releaseAt, 'releaseAt') };
    const scheduled = await schedule(acting(seams, caller), params.id, wish, seenRevision(headers));
    changed.releases();
    return answer(reply, seams, scheduled);
  });
}

function putText(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Set the text for the public; voids what was approved before. Of an armed case it is a proposal',
    params: ById,
    headers: IfMatch,
    body: Type.Object({ subject: Subject, text: Text }, strict),
    response: { 200: CaseView },
  };
  app.put('/cases/:id/text', { schema }, async ({ params, headers, body, caller }, reply) => {
    const about = await setText(acting(seams, caller), params.id, body, seenRevision(headers));
    changed.releases();
    return answer(reply, seams, about);
  });
}

const NewPatch = Type.Object(
  {
    name: Type.String({ minLength: 1, maxLength: 255, description: 'a file name, 1 to 255 characters' }),
    content: Type.String({ description: 'the octets in base 64 (RFC 4648 §4), at most 25 MiB of them' }),
    replace: Type.Optional(
      Type.Boolean({ description: 'it takes the place of the one that has its name; refused without, where there is one' }),
    ),
  },
  strict,
);

function postPatch(app: App, { seams, changed, room }: Api): void {
  const schema = {
    tags,
    summary: 'Add a patch, byte for byte; voids what was approved before',
    params: ById,
    headers: IfMatch,
    body: NewPatch,
    response: { 201: PatchAdded },
  };
  const onRequest = async () => mustHaveRoom(room);
  app.post(
    '/cases/:id/patches',
    { schema, bodyLimit: PATCH_BODY, onRequest },
    async ({ params, headers, body, caller }, reply) => {
      const { name, content, replace = false } = body;
      const file = { name, bytes: fromBase64(content), replace };
      const { case: about, patch } = await addPatch(acting(seams, caller), params.id, file, seenRevision(headers));
      changed.releases();
      reply.code(201);
      return { patch: { ...patch, size: file.bytes.length }, case: await answer(reply, seams, about) };
    },
  );
}

/** Buffer.from drops what is no base 64, and half a patch is worse than none. */
function fromBase64(text: string): Buffer {
  const bytes = Buffer.from(text, 'base64');
  if (bytes.toString('base64') !== text.replaceAll(/[\r\n]/g, ''))
    throw new Refusal('invalid', 'content must be base 64 with its padding (RFC 4648 §4)');
  if (bytes.length > LARGEST_PATCH) throw new Refusal('request-too-large', 'A patch has at most 25 MiB');
  return bytes;
}

function deletePatch(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Withdraw a patch; voids what was approved before',
    params: Type.Object({ id: Name, patch: Name }),
    headers: IfMatch,
    response: { 200: CaseView },
  };
  app.delete('/cases/:id/patches/:patch', { schema }, async ({ params, headers, caller }, reply) => {
    const about = await withdrawPatch(acting(seams, caller), params.id, params.patch, seenRevision(headers));
    changed.releases();
    return answer(reply, seams, about);
  });
}

function showBundle(app: App, { seams }: Api): void {
  const schema = {
    tags,
    summary: 'Read what is to be approved, in clear',
    params: ById,
    querystring: Proposed,
    response: { 200: BundleView },
  };
  app.get('/cases/:id/bundle', { schema }, async (request) => {
    mustReadInClear(request);
    const seen = await caseKnownTo(seams.db, acting(seams, request.caller), request.params.id);
    const { about, contents } = await openApprovable(seams, seen, request.query);
    return bundleView(about, contents, seams.project.site, await withoutReaders(seams.db, channelsOf(about)));
  });
}

function postApproval(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Approve a patch set, a schedule or a bundle that one has read; the second person schedules, or arms, the case',
    params: ById,
    body: Type.Object({ hash: Sha256 }, strict),
    response: { 201: CaseView },
  };
  app.post('/cases/:id/approvals', { schema }, async (request, reply) => {
    const about = await approve(acting(seams, request.caller), request.params.id, request.body.hash, callerOf(request));
    changed.releases();
    if (request.body.hash === about.forthcoming_hash) changed.deliveries();
    reply.code(201);
    return answer(reply, seams, about);
  });
}

const Insiders = Type.Object(
  {
    groups: Type.Optional(Type.Array(GroupName, { maxItems: 200, description: 'an array of names of groups' })),
    members: Type.Optional(Type.Array(Name, { maxItems: 200, description: 'an array of ids of members' })),
  },
  strict,
);

function putNeedToKnow(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Say who alone may know of a case, besides the response team: the whole of it, and at least one',
    description:
      'From now on nothing of it goes to anybody else. What went out is not taken back: `seenBy` says who has it. Approvals stay.',
    params: ById,
    headers: IfMatch,
    body: Insiders,
    response: { 200: Limited },
  };
  app.put('/cases/:id/need-to-know', { schema }, async ({ params, headers, body, caller }, reply) => {
    const insiders = { groups: [], members: [], ...body };
    const limited = await limitCase(acting(seams, caller), params.id, insiders, seenRevision(headers));
    changed.deliveries();
    const seenBy = limited.seenBy.map((row) => ({ ...row, lastAt: orNull(row.lastAt) }));
    return { case: await answer(reply, seams, limited.case), seenBy };
  });
}

function deleteNeedToKnow(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Let everybody on the lists that a case is sent to know of it',
    params: ById,
    headers: IfMatch,
    response: { 200: CaseView },
  };
  app.delete('/cases/:id/need-to-know', { schema }, async ({ params, headers, caller }, reply) => {
    const limited = await limitCase(acting(seams, caller), params.id, null, seenRevision(headers));
    changed.deliveries();
    return answer(reply, seams, limited.case);
  });
}

function postDispatch(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Send what is known of a scheduled case, and its approved patches, to a private list, under embargo',
    params: ById,
    body: Type.Object({ list: Address }, strict),
    response: { 202: Dispatched },
  };
  app.post('/cases/:id/dispatch', { schema }, async ({ params, body, caller }, reply) => {
    const { unproved, ...dispatched } = await dispatch(acting(seams, caller), params.id, body.list);
    changed.deliveries();
    reply.code(202);
    return {
      ...dispatched,
      unproved: unproved.map(({ address, memberId, organisation }) => ({ address, memberId, organisation })),
    };
  });
}

function postRetract(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary:
      'Take back what was approved of the bundle: whoever approved it, the lead, his deputy or an admin; or what is proposed',
    params: ById,
    headers: IfMatch,
    querystring: Proposed,
    response: { 200: CaseView },
  };
  app.post('/cases/:id/retract', { schema }, async ({ params, headers, query, caller }, reply) => {
    const takeBack = query.proposed === 'true' ? dropProposal : retract;
    const about = await takeBack(acting(seams, caller), params.id, seenRevision(headers));
    changed.releases();
    return answer(reply, seams, about);
  });
}

function releaseNow(app: App, { seams, changed }: Api): void {
  const schema = {
    tags,
    summary: 'Release a case whose instant has come; before it, the gate refuses',
    params: ById,
    response: { 200: CaseView },
  };
  app.post('/cases/:id/release-now', { schema }, async ({ params, caller }, reply) => {
    const released = await release(acting(seams, caller), params.id);
    changed.deliveries();
    changed.releases();
    return answer(reply, seams, released);
  });
}
