import { SYSTEM } from '../../audit/entry.ts';
import { HOUR, type Instant, MINUTE, SECOND, toIso } from '../../clock.ts';
import { importRoster } from '../../roster/import.ts';
import { addRecipient } from '../../roster/recipients.ts';
import { issueToken } from '../../roster/tokens.ts';
import * as deliveries from '../../store/deliveries.ts';
import * as lists from '../../store/lists.ts';
import * as posts from '../../store/posts.ts';
import { ACTIVE, type Cast, type Role, TEAM } from './cast.ts';
import { encryptedLetter, signedLetter } from './letters.ts';
import { check, type Moment, Narrator, type Told } from './narrator.ts';
import { read } from './reading.ts';
import type { Stage } from './stage.ts';

const at = (text: string): Instant => Date.parse(text);
export const BEGIN = at('2026-09-07T09:00:00Z');
const RELEASE = at('2026-09-22T16:00:00Z');

const SECURITY = 'security@orbit.example';
const DISTRIBUTORS = 'distributors@orbit.example';
const ANNOUNCE = 'announce@orbit.example';
const EXTERNAL = 'oss@public.example';
const READERS = ['reader@home.example', 'news@press.example'];

const SUBJECT = 'CVE-2026-99001: privilege escalation in the orbit scheduler';
const ADVISORY = `Am I vulnerable? If you run orbit 1.2 to 1.4 with tenants, yes.

Fixed versions: 1.2.9, 1.3.6, 1.4.3.
Mitigation: switch off the shared scheduler.
`;
/** What distributors need to know. */
const KNOWN = {
  title: 'Privilege escalation in the orbit scheduler',
  summary: 'A tenant with an account can make the shared scheduler run a job with the rights of another tenant.',
  cve: 'CVE-2026-99001',
  affected: [
    {
      product: 'orbit',
      component: 'scheduler',
      versions: [
        { introduced: '1.2', fixed: '1.2.9' },
        { introduced: '1.3', fixed: '1.3.6' },
        { introduced: '1.4', fixed: '1.4.3' },
      ],
    },
  ],
  mitigation: 'Switch off the shared scheduler.',
  permissions: { binaries: false, services: true, restriction: 'where no tenant sees which version runs' },
};
const CVSS = 'CVSS:3.1/AV:N/AC:L/PR:L/UI:N/S:U/C:H/I:H/A:H';

const patches = (revision: string, owner: string) =>
  ['1.2', '1.3', '1.4'].map((branch) => ({
    name: `CVE-2026-99001_v${branch}${revision}.patch`,
    bytes: Buffer.from(`--- a/scheduler.go\n+++ b/scheduler.go\n@@ -1 +1 @@\n-allow(tenant)\n+${owner} // ${branch}\n`),
  }));
const PATCHES = patches('', 'allow(owner)');
const REVISED = patches('_v2', 'allow(owner, job.created)');

/**
 * The main job from the report to the release, as its people live it. Each line is checked as it is told: what is not as
 * it should be throws, and the demonstration fails.
 */
export async function tell(stage: Stage, cast: Cast, say: (moment: Moment) => Promise<void>): Promise<Told> {
  const story = new Narrator(stage, cast, say);
  const props: Props = { tokens: { lead: '', leadAgain: '', approver: '' }, caseId: '', thread: '' };
  await rosterIsReady(story, props);
  await reportComes(story, props);
  await leadTakesIt(story, props);
  await reporterAddsToIt(story, props);
  await issueIsScored(story, props);
  await embargoIsSet(story, props);
  await patchIsDispatched(story, props);
  await membersAcknowledge(story, props);
  await memberFindsAHole(story, props);
  await patchIsRevised(story, props);
  await othersAreRefused(story);
  await releaseIsApproved(story, props);
  await instantPasses(story, props);
  return story.told;
}

/** What one part of the story leaves to the next. */
interface Props {
  tokens: { lead: string; leadAgain: string; approver: string };
  caseId: string;
  thread: string;
}

async function rosterIsReady(story: Narrator, props: Props): Promise<void> {
  const { running, clock } = story.stage;
  const { db, keyring, pgp } = running.seams;
  const entry = (roles: readonly Role[], list: string) => ({
    organisation: story.cast[roles[0] ?? 'lead'].organisation,
    lists: [list],
    contacts: roles.map((role) => ({
      address: story.cast[role].address,
      name: story.cast[role].name,
      certificate: story.cast[role].key.armored,
    })),
  });
  const deps = { db, clock, pgp, by: SYSTEM };
  const active = [entry(TEAM, SECURITY), ...[...ACTIVE, 'delta' as const].map((role) => entry([role], DISTRIBUTORS))];
  const done = await importRoster(deps, active, { activate: { reason: 'vetted before' }, dryRun: false });
  await importRoster(deps, [entry(['echo'], DISTRIBUTORS)], { activate: null, dryRun: false });
  check(done.written, 'the roster is imported');
  const delta = await db.selectFrom('members').select('id').where('organisation', '=', 'Delta Hosting').executeTakeFirstOrThrow();
  await story.ask(story.stage.adminToken, 'POST', `/members/${delta.id}/suspend`, 200, { reason: 'terms broken' });
  for (const address of READERS) await addRecipient(deps, { list: ANNOUNCE, address, kind: 'subscriber' });
  await addRecipient(deps, { list: ANNOUNCE, address: EXTERNAL, kind: 'external' });
  for (const list of await lists.all(db)) {
    const key = keyring.find(list.fingerprint);
    if (key) story.certificates.set(list.address, key.certificate);
  }
  // Delta is told why, sealed; nothing else reaches him from here on.
  await story.stage.settle();
  await story.copies(['delta']);
  for (const [name, role] of [
    ['lead', 'lead'],
    ['leadAgain', 'lead'],
    ['approver', 'approver'],
  ] as const) {
    const token = { name, role: 'team' as const, person: story.cast[role].address, days: null };
    props.tokens[name] = (await issueToken(deps, token)).token;
  }
  await story.moment(
    'ready',
    '4 active distributors, 1 suspended, 1 not active yet; a team of 3; 2 subscribers and 1 external list',
  );
}

async function reportComes(story: Narrator, props: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-07T09:12:00Z'));
  const { reporter } = story.cast;
  const text = 'Any tenant can take over the scheduler. A proof of concept follows.';
  const letter = story.letter('reporter', SECURITY, 'Tenant escape in the scheduler', text);
  const mail = await encryptedLetter(letter, story.certificate(SECURITY), true);
  await story.send('reporter', SECURITY, mail);
  const found = await story.case();
  props.caseId = found.id;
  const filed = await posts.page(story.db, { limit: 10, caseId: found.id });
  const report = filed.find(({ kind }) => kind === 'report');
  check(report?.encrypted === 1 && report.signer_fingerprint === reporter.key.fingerprint, 'it came encrypted and signed');
  await story.moment(
    'report received',
    `${found.id}: encrypted, signature verified, by ${reporter.address} (${reporter.key.fingerprint}, came with the mail)`,
  );
  const [receipt, ...copies] = await story.copies(['reporter', ...TEAM]);
  check(receipt?.subject.includes(found.id) === true, 'the receipt names the case');
  props.thread = /security\+\S+@orbit\.example/i.exec(receipt.text)?.[0] ?? '';
  await story.moment('receipt sent', `to ${reporter.address}: signed, encrypted, outer subject "[...]", thread address inside`);
  await story.moment('team copies', `${copies.length}, each encrypted to one key: ${TEAM.join(', ')}`);
}

async function reporterAddsToIt(story: Narrator, props: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-08T09:15:00Z'));
  const letter = story.letter('reporter', props.thread, 'Re: your receipt', 'Versions 1.2 to 1.4 are concerned.');
  await story.send('reporter', props.thread, await encryptedLetter(letter, story.certificate(SECURITY)));
  const copies = await story.copies(TEAM);
  check(copies[0]?.subject.startsWith(`[${props.caseId}]`), 'the copy names the case');
  await story.moment(
    'the reporter writes again',
    `to the thread address: filed under ${props.caseId}, ${copies.length} team copies`,
  );
}

async function leadTakesIt(story: Narrator, props: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-08T07:40:00Z'));
  const { lead, deputy } = story.cast;
  await story.ask(props.tokens.lead, 'POST', `/cases/${props.caseId}/lead`, 201, { deputy: deputy.address });
  const { led_at: ledAt, received_at: receivedAt } = await story.case();
  check(ledAt !== null && ledAt - receivedAt === 22 * HOUR + 28 * MINUTE, 'it is led 22 hours and 28 minutes after it came');
  check(story.fresh().length === 0, 'distributors hear nothing of it');
  await story.moment('lead claims it', `${lead.address}, with ${deputy.address} as deputy: within 24 hours`);
}

async function issueIsScored(story: Narrator, props: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-09T10:00:00Z'));
  const path = `/cases/${props.caseId}`;
  await story.ask(props.tokens.lead, 'PATCH', path, 200, KNOWN);
  const { body } = await story.ask(props.tokens.lead, 'PUT', `${path}/severity`, 200, { vector: CVSS });
  const { score, rating } = body['severity'] as { score: number; rating: string };
  check(score === 8.8 && (body['lacking'] as string[]).length === 0, 'it is scored, and nothing lacks that distributors need');
  await story.moment('severity scored', `${CVSS}: ${score} ${rating}; ${KNOWN.cve}, affected versions and permissions said`);
}

/** Attaches files, and approves them as the set that stands there. */
async function patchesAreApproved(story: Narrator, { tokens, caseId }: Props, files: typeof PATCHES): Promise<number> {
  const path = `/cases/${caseId}`;
  for (const { name, bytes } of files)
    await story.ask(tokens.lead, 'POST', `${path}/patches`, 201, { name, content: bytes.toString('base64') });
  const { body } = await story.ask(tokens.lead, 'GET', path, 200);
  const { hash } = body['patchSet'] as { hash: string };
  const approved = await story.ask(tokens.approver, 'POST', `${path}/approvals`, 201, { hash });
  const set = approved.body['patchSet'] as { approved: boolean; revision: number };
  check(set.approved, 'the set of patches is approved');
  return set.revision;
}

async function embargoIsSet(story: Narrator, props: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-11T15:00:00Z'));
  const { tokens, caseId } = props;
  const path = `/cases/${caseId}`;
  await patchesAreApproved(story, props, PATCHES);
  await story.moment('patches approved', `${PATCHES.length} files, sealed; their names and SHA-256 are the first set`);
  await story.stage.moveTo(at('2026-09-11T15:30:00Z'));
  const wish = { releaseAt: toIso(RELEASE), subject: SUBJECT, text: ADVISORY };
  const friday = await story.ask(tokens.lead, 'PUT', `${path}/schedule`, 422, { ...wish, releaseAt: '2026-09-25T16:00:00Z' });
  check(friday.body['code'] === 'policy-violated', 'the policy wants no Friday');
  await story.moment('a Friday is refused', String(friday.body['detail']));
  await story.ask(tokens.lead, 'PUT', `${path}/schedule`, 200, wish);
  const { schedule_hash: hash } = await story.case();
  await story.moment('embargo set', `release at ${toIso(RELEASE)}, schedule ${hash?.slice(0, 16)}...`);
  await story.ask(tokens.leadAgain, 'POST', `${path}/approvals`, 409, { hash });
  await story.moment('own approval refused', 'whoever sets it does not approve it, with another token neither: 409');
  await story.ask(tokens.approver, 'POST', `${path}/approvals`, 201, { hash });
  check((await story.case()).scheduled_at !== null, 'two people schedule it');
  await story.moment('embargo approved', `by ${story.cast.lead.address} and ${story.cast.approver.address}: scheduled`);
}

async function patchIsDispatched(story: Narrator, props: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-14T16:00:00Z'));
  await story.ask(props.tokens.lead, 'POST', `/cases/${props.caseId}/dispatch`, 202, { list: DISTRIBUTORS });
  await story.stage.settle();
  const copies = await story.copies(ACTIVE);
  for (const { files } of copies)
    for (const { name, bytes } of PATCHES) check(same(files.get(name), bytes), `${name} arrives byte for byte`);
  await story.moment(
    'patch dispatched',
    `to ${copies.length} members, each under its own key alone; nothing to delta (suspended) and echo`,
  );
}

async function membersAcknowledge(story: Narrator, { caseId }: Props): Promise<void> {
  const request = 'distributors-request@orbit.example';
  const prompt: Role[] = ['alpha', 'bravo', 'charlie'];
  for (const [hours, role] of prompt.entries()) {
    await story.stage.moveTo(at('2026-09-14T18:00:00Z') + hours * HOUR);
    const letter = story.letter(role, request, 'Got it', `acknowledge ${caseId}`);
    await story.send(role, request, await encryptedLetter(letter, story.certificate(DISTRIBUTORS)));
    const [answer] = await story.copies([role]);
    check(answer?.text.includes('noted') === true, `${role} is answered`);
  }
  const noted = await story.db.selectFrom('acknowledgements').select('contact_id').execute();
  check(noted.length === prompt.length, 'three have acknowledged it');
  await story.moment('members acknowledge', `${prompt.join(', ')}, by signed and encrypted mail; dora is silent`);
}

async function memberFindsAHole(story: Narrator, props: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-16T11:00:00Z'));
  const { thread_token: token } = await story.case();
  const thread = `distributors+${props.caseId}.${token}@orbit.example`;
  const letter = story.letter('bravo', thread, 'Patch 1.3', 'A job that was queued before the update still passes the check.');
  await story.send('bravo', thread, await encryptedLetter(letter, story.certificate(DISTRIBUTORS)));
  const copies = await story.copies([...ACTIVE, ...TEAM]);
  await story.moment(
    'bravo finds a hole in it',
    `signed and encrypted: ${copies.length} copies to members and team, none to the reporter`,
  );
}

async function patchIsRevised(story: Narrator, props: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-17T16:00:00Z'));
  const { tokens, caseId } = props;
  const path = `/cases/${caseId}`;
  const { body } = await story.ask(tokens.lead, 'GET', path, 200);
  for (const { id } of body['patches'] as { id: string }[]) await story.ask(tokens.lead, 'DELETE', `${path}/patches/${id}`, 200);
  const revision = await patchesAreApproved(story, props, REVISED);
  await story.ask(tokens.lead, 'POST', `${path}/dispatch`, 202, { list: DISTRIBUTORS });
  await story.stage.settle();
  for (const { files } of await story.copies(ACTIVE)) {
    for (const { name, bytes } of REVISED) check(same(files.get(name), bytes), `${name} arrives byte for byte`);
    check(!PATCHES.some(({ name }) => files.has(name)), 'the files before are not among them');
  }
  check((await story.case()).release_at === RELEASE, 'the instant is as it was');
  await story.moment(
    'patch revised',
    `revision ${revision} supersedes the one before: ${ACTIVE.length} copies, the same instant`,
  );
}

async function othersAreRefused(story: Narrator): Promise<void> {
  await story.stage.moveTo(at('2026-09-20T20:00:00Z'));
  const early = await signedLetter(story.letter('charlie', ANNOUNCE, SUBJECT, ADVISORY));
  await story.refused('a member tries the public list early', 'charlie', ANNOUNCE, early, ['lead', 'deputy']);
  const [alert] = await story.copies(['lead', 'deputy']);
  const { charlie } = story.cast;
  check(
    alert?.subject.includes('INCIDENT') === true && alert.text.includes(charlie.address),
    'those who lead it know who it was',
  );
  await story.moment('incident', `lead and deputy are told at once: what was recognised, and that ${charlie.address} signed it`);
  const forged = story.letter('reporter', DISTRIBUTORS, 'Hello', 'I am bravo, believe me.');
  const asBravo = { ...forged, from: { ...story.cast.bravo, key: story.cast.reporter.key } };
  const mail = await encryptedLetter(asBravo, story.certificate(DISTRIBUTORS));
  await story.refused('a stranger writes From: bravo', 'bravo', DISTRIBUTORS, mail);
}

async function releaseIsApproved(story: Narrator, { tokens, caseId }: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-22T12:00:00Z'));
  const path = `/cases/${caseId}/approvals`;
  const { bundle_hash: hash } = await story.case();
  await story.ask(tokens.lead, 'POST', path, 201, { hash });
  await story.ask(tokens.leadAgain, 'POST', path, 409, { hash });
  await story.moment('second approval refused', 'the lead with another token is still the same person: 409');
  await story.ask(tokens.approver, 'POST', path, 201, { hash });
  check((await story.case()).state === 'armed', 'two people arm it');
  await story.moment(
    'release approved',
    `text, patches, instant and channels, by two people over one hash: ${hash?.slice(0, 16)}...`,
  );
  const { body } = await story.ask(tokens.lead, 'POST', `/cases/${caseId}/release-now`, 403);
  await story.moment('release by REST refused', `403 ${String(body['code'])}: ${String(body['detail'] ?? body['title'])}`);
}

async function instantPasses(story: Narrator, props: Props): Promise<void> {
  await story.stage.moveTo(RELEASE - SECOND);
  check(story.fresh().length === 0 && !story.stage.sent.some(({ to }) => isPublic(to)), 'nothing is public');
  await story.moment('one second before', '0 public mails');
  await story.stage.moveTo(RELEASE);
  const order = story.fresh().map(({ to }) => to);
  const { reporter } = story.cast;
  check(READERS.includes(order[0] ?? '') && order.indexOf(EXTERNAL) < order.indexOf(reporter.address), 'the public comes first');
  const announced = story.take([...READERS, EXTERNAL]);
  for (const sent of announced) {
    const words = await read(sent, null, story.all, story.now);
    check(!words.encrypted && words.signer !== null && words.text.includes('Fixed versions'), 'signed, in clear, whole');
    for (const { name, bytes } of REVISED) check(same(words.files.get(name), bytes), `${name} is released byte for byte`);
  }
  story.count('public', announced.length);
  const { state, released_at: releasedAt } = await story.case();
  check(state === 'released' && releasedAt !== null, 'the case is released');
  await story.moment('the instant passes', `${props.caseId} is released, ${(releasedAt - RELEASE) / SECOND} s after its instant`);
  const to = `${READERS.length} subscribers of ${ANNOUNCE} and ${EXTERNAL}`;
  await story.moment('public post sent', `to ${to}, signed, with the patches`);
  await story.copies(['reporter']);
  await story.moment('reporter told', `${reporter.address}, sealed`);
  const notices = await story.copies(ACTIVE);
  await story.moment('members told', `${notices.length} notices that the embargo is lifted, sealed`);
  check(story.fresh().length === 0, 'nothing else was sent');
  await takeStock(story);
}

/** Counted over everything that was sent, and everything that was to be. */
async function takeStock(story: Narrator): Promise<void> {
  const early = story.stage.sent.filter(({ to, at: sentAt }) => isPublic(to) && sentAt < RELEASE);
  const copies = await deliveries.page(story.db, { limit: 1000 });
  const arrived = new Set(story.stage.sent.map(({ raw }) => messageIdOf(raw)));
  story.count('early', early.length);
  story.count('lost', copies.filter(({ message_id }) => !arrived.has(message_id)).length);
  story.count('twice', story.stage.sent.length - arrived.size);
  const { told } = story;
  check(told.counts['early'] === 0 && told.counts['lost'] === 0 && told.counts['twice'] === 0, 'nothing early, lost or twice');
}

function messageIdOf(raw: Uint8Array): string {
  return /^Message-ID: (.*)\r$/m.exec(Buffer.from(raw).toString('latin1'))?.[1] ?? '';
}

function isPublic(address: string): boolean {
  return address === EXTERNAL || READERS.includes(address);
}

function same(one: Uint8Array | undefined, other: Uint8Array): boolean {
  return one !== undefined && Buffer.from(one).equals(other);
}
