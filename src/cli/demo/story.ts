import { SYSTEM } from '../../audit/entry.ts';
import { verifyLog } from '../../audit/verify.ts';
import { HOUR, type Instant, MINUTE, SECOND, toIso } from '../../clock.ts';
import { sha256 } from '../../embargo/bundle.ts';
import { importRoster } from '../../roster/import.ts';
import { addRecipient } from '../../roster/recipients.ts';
import { issueToken } from '../../roster/tokens.ts';
import * as audit from '../../store/audit.ts';
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
  await nobodyLeadsIt(story);
  await leadTakesIt(story, props);
  await reporterIsAnswered(story, props);
  await reporterAddsToIt(story, props);
  await issueIsScored(story, props);
  await embargoIsSet(story, props);
  await forthcomingIsSaid(story, props);
  await patchIsDispatched(story, props);
  await membersAcknowledge(story, props);
  await memberFindsAHole(story, props);
  await patchIsRevised(story, props);
  await revisionIsAcknowledged(story, props);
  await finalTextIsSent(story, props);
  await releaseIsApproved(story, props);
  await instantPasses(story, props);
  await afterwards(story, props);
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

/** Six hours before somebody has to lead it. */
async function nobodyLeadsIt(story: Narrator): Promise<void> {
  await story.stage.moveTo(at('2026-09-08T03:12:00Z'));
  const waiting = (role: Role) => story.fresh().filter(({ to }) => to === story.cast[role].address).length;
  const asked = TEAM.filter((role) => waiting(role) === 2);
  check(asked.length === 1, 'one of the team is asked to lead it');
  const detail = `nobody leads it and nobody has answered: both are due at 09:12, and the whole team is told; it is the turn of ${asked[0]}`;
  await story.reminded(
    'team reminded',
    [...TEAM, ...asked],
    ['Due: lead, acknowledge', 'It is your turn to lead this case'],
    detail,
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

async function reporterIsAnswered(story: Narrator, { tokens, caseId }: Props): Promise<void> {
  const words = { kind: 'acknowledgement', text: 'We can see it happen here. You hear from us when we know since when.' };
  await story.ask(tokens.lead, 'POST', `/cases/${caseId}/notices`, 201, words);
  await story.stage.settle();
  const [answer] = await story.copies(['reporter']);
  check(answer?.text.includes(words.text) === true, 'the reporter has the words of the lead');
  check((await story.case()).acknowledged_at === story.now, 'it is acknowledged');
  await story.moment('reporter answered', `by a person, in the lead's own words, sealed; nothing to distributors`);
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

async function forthcomingIsSaid(story: Narrator, { tokens, caseId }: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-11T17:00:00Z'));
  const path = `/cases/${caseId}/notices`;
  const notice = { kind: 'forthcoming' };
  const telling = await story.ask(tokens.lead, 'POST', path, 422, { ...notice, text: KNOWN.mitigation });
  check(story.fresh().length === 0, 'what is refused is not sent');
  await story.moment('a telling notice is refused', String(telling.body['detail']));
  const { body } = await story.ask(tokens.lead, 'POST', path, 201, notice);
  check(story.fresh().length === 0, 'one person alone tells the public nothing');
  await story.ask(tokens.approver, 'POST', `/cases/${caseId}/approvals`, 201, { hash: body['hash'] });
  await story.stage.settle();
  const mails = story.take([...READERS, EXTERNAL]);
  const secrets = ['CVE-', caseId, 'scheduler', '.patch', 'tenant', story.cast.reporter.address, story.cast.reporter.name];
  for (const sent of mails) {
    const { subject, text, encrypted, signer, files } = await read(sent, null, story.all, story.now);
    check(!encrypted && signer !== null && files.size === 0, 'signed, in clear, with no file');
    check(subject.startsWith('[orbit] Security release on 2026-09-22 16:00'), `it says when: ${subject}`);
    check(text.includes('Highest severity: High'), 'it says how bad it is at most');
    check(text.includes('\nIssues: 1'), 'and how many there are');
    const octets = Buffer.from(sent.raw).toString('latin1').toLowerCase();
    const told = secrets.filter((secret) => octets.includes(secret.toLowerCase()));
    check(told.length === 0, `nothing else of the case is in it: ${told.join(', ')}`);
  }
  story.count('forthcoming', mails.length);
  await story.moment('forthcoming notice', `one public notice, ${mails.length} copies: the instant, "High", and nothing else`);
}

async function patchIsDispatched(story: Narrator, props: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-14T16:00:00Z'));
  await story.reminded('lead reminded', ['lead'], ['Due: notice'], 'distributors have to be told by 2026-09-15 16:00');
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

const PROMPT: readonly Role[] = ['alpha', 'bravo', 'charlie'];

/** A mail to the list's own address, an hour after another. */
async function acknowledge(story: Narrator, command: string, roles: readonly Role[], from: Instant): Promise<void> {
  const request = 'distributors-request@orbit.example';
  for (const [hours, role] of roles.entries()) {
    await story.stage.moveTo(from + hours * HOUR);
    const letter = story.letter(role, request, 'Got it', command);
    await story.send(role, request, await encryptedLetter(letter, story.certificate(DISTRIBUTORS)));
    const [answer] = await story.copies([role]);
    check(answer?.text.includes('noted') === true, `${role} is answered`);
  }
}

/** What each of the members says of the last that he was sent, by address. */
async function statuses(story: Narrator, { tokens, caseId }: Props): Promise<Map<string, string>> {
  const { body } = await story.ask(tokens.lead, 'GET', `/cases/${caseId}/acknowledgements`, 200);
  const newestFirst = body['items'] as { address: string; status: string }[];
  return new Map(newestFirst.toReversed().map(({ address, status }) => [address, status]));
}

async function membersAcknowledge(story: Narrator, props: Props): Promise<void> {
  await acknowledge(story, `acknowledge ${props.caseId}`, PROMPT, at('2026-09-14T18:00:00Z'));
  const said = await statuses(story, props);
  check(
    PROMPT.every((role) => said.get(story.cast[role].address) === 'acknowledged'),
    'three have acknowledged it',
  );
  await story.moment('members acknowledge', `${PROMPT.join(', ')}, by signed and encrypted mail; dora is silent`);
  await story.stage.moveTo(at('2026-09-15T16:00:00Z'));
  const [asked] = await story.copies(['dora']);
  check(asked?.subject === `[${props.caseId}] Please say that you have the patches`, 'dora alone is asked');
  const status = (await statuses(story, props)).get(story.cast.dora.address);
  check(status === 'unacknowledged', 'who says nothing is unacknowledged');
  await story.moment('dora reminded', `after 24 hours; she is "${status}", which is not "not affected"`);
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

async function revisionIsAcknowledged(story: Narrator, props: Props): Promise<void> {
  await acknowledge(story, `acknowledge ${props.caseId}`, PROMPT, at('2026-09-17T18:00:00Z'));
  await acknowledge(story, `acknowledge ${props.caseId} affected`, ['dora'], at('2026-09-18T09:00:00Z'));
  const said = await statuses(story, props);
  check(said.get(story.cast.dora.address) === 'affected', 'dora says what it is to her');
  await story.moment('revision acknowledged', `${PROMPT.join(', ')}; dora says "affected"`);
}

async function finalTextIsSent(story: Narrator, { tokens, caseId }: Props): Promise<void> {
  await story.stage.moveTo(at('2026-09-20T16:00:00Z'));
  await story.reminded('lead reminded', ['lead'], ['Due: second-notice'], 'distributors have to have the final text in a day');
  await othersAreRefused(story);
  await story.stage.moveTo(at('2026-09-21T16:00:00Z'));
  await story.reminded(
    'second notice due now',
    ['lead', 'lead', 'deputy'],
    ['DUE NOW: second-notice', 'Due: approve'],
    'lead and deputy are told; and the lead, that two people have to approve the release',
  );
  await story.ask(tokens.lead, 'POST', `/cases/${caseId}/notices`, 201, { kind: 'second-notice' });
  await story.stage.settle();
  const copies = await story.copies(ACTIVE);
  for (const { text } of copies) {
    const final = ADVISORY.split('\n').every((line) => text.includes(line));
    check(final && REVISED.every(({ name }) => text.includes(name)), 'each has the final text, and the patches by name');
  }
  await story.moment('second notice', `${copies.length} copies: what will be published, word for word, 24 hours before`);
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
  check(story.fresh().length === 0, 'nothing is public');
  const unknown = await Promise.all(publicPaths('ORBIT-2026-9999').map((path) => story.stage.page(path)));
  for (const [index, path] of publicPaths(props.caseId).entries()) {
    const { status, body } = await story.stage.page(path);
    const same = plain(body) === plain(unknown[index]?.body ?? '');
    check(status === 404 && unknown[index]?.status === 404 && same, `${path} is like what never was`);
  }
  const feed = await story.stage.page('/feed.atom');
  check(feed.status === 200 && !feed.body.includes(props.caseId), 'the feed has nothing of it');
  await story.moment('one second before', '0 mails of it; page, CSAF, OSV and CVE record: 404, as of an id that never was');
  await story.stage.moveTo(RELEASE);
  const order = story.fresh().map(({ to }) => to);
  const { reporter } = story.cast;
  const ranks = order.map((to) => (READERS.includes(to) ? 0 : to === EXTERNAL ? 1 : to === reporter.address ? 2 : 3));
  check(ranks.join() === '0,0,1,2,3,3,3,3', `the public list, the external one, the reporter, the members: ${order.join(', ')}`);
  const announced = story.take([...READERS, EXTERNAL]);
  for (const sent of announced) {
    const words = await read(sent, null, story.all, story.now);
    check(!words.encrypted && words.signer !== null && words.text.includes('1.2.9'), 'signed, in clear, whole');
    const subject = sent.to === EXTERNAL ? `[orbit] ${KNOWN.cve}: ` : SUBJECT;
    check(words.subject.startsWith(subject), `it has the subject of its channel: ${words.subject}`);
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
  for (const path of publicPaths(props.caseId)) check((await story.stage.page(path)).status === 200, `${path} is there`);
  const { body } = await story.stage.page(`/advisories/${props.caseId}`);
  for (const { name, bytes } of REVISED) check(body.includes(sha256(bytes)), `the page has the SHA-256 of ${name}`);
  await story.moment('pages public', 'advisory, CSAF, OSV, CVE record and feed; the SHA-256 are those of revision 2');
}

async function afterwards(story: Narrator, props: Props): Promise<void> {
  const { tokens, caseId } = props;
  await story.stage.moveTo(at('2026-09-23T16:00:00Z'));
  await story.reminded(
    'lead reminded',
    ['lead'],
    ['Due: retrospective'],
    'it is due at 2026-09-25 16:00; the form is in the mail',
  );
  await story.stage.moveTo(at('2026-09-25T16:00:00Z'));
  const due = 'lead and deputy are told: it is not written';
  await story.reminded('retrospective due now', ['lead', 'deputy'], ['DUE NOW: retrospective'], due);
  const note = 'What went badly: a review missed the queue. What we change: reviews of the scheduler by two (Dev, by October).';
  await story.ask(tokens.lead, 'POST', `/cases/${caseId}/retrospective`, 201, { note });
  await story.stage.settle();
  await story.copies(TEAM);
  await story.moment('retrospective written', 'blameless, kept sealed; those who handled the case are told');
  const { body } = await story.ask(tokens.lead, 'GET', '/statistics', 200);
  const [times] = body['cases'] as { embargoed: number; reportToPublic: number; onTime: boolean }[];
  check(times?.embargoed === 8 && times.reportToPublic === 15.28 && times.onTime, 'the statistics are right');
  const { embargoed, reportToPublic } = times;
  await story.moment('statistics', `embargo ${embargoed.toFixed(2)} d, report to public ${reportToPublic.toFixed(2)} d, on time`);
  await auditIsVerified(story);
  await takeStock(story);
}

/** As it is, and as somebody would leave it who takes out that the lead approved. */
async function auditIsVerified(story: Narrator): Promise<void> {
  const lines: string[] = [];
  for await (const line of audit.lines(story.db)) lines.push(line);
  const verified = await verifyLog(lines, story.all, []);
  check(verified.faults.length === 0, 'the audit log is whole');
  const index = lines.findIndex((line) => line.includes('"case.release"'));
  const without = await verifyLog(lines.toSpliced(index, 1), story.all, []);
  check(without.faults[0]?.line === index + 1, 'the line that was taken out is missed where it was');
  await story.moment(
    'audit log verified',
    `${lines.length} lines, each bound to the one before; without line ${index + 1}, the release: "${without.faults[0].text}"`,
  );
}

/** Where the public finds a case, once it is released. */
export function publicPaths(id: string): string[] {
  const file = id.toLowerCase();
  return [`/advisories/${id}`, `/csaf/2026/${file}.json`, `/csaf/2026/${file}.json.sha256`, `/osv/${id}.json`, `/cve/${id}.json`];
}

/** A refusal without the number of its request. */
export function plain(body: string): string {
  return body.replace(/urn:curfew:request:\w+/, '');
}

/** Counted over everything that was sent, and everything that was to be. */
async function takeStock(story: Narrator): Promise<void> {
  const before = story.stage.sent.filter(({ to, at: sentAt }) => isPublic(to) && sentAt < RELEASE);
  const early = before.slice(story.told.counts['forthcoming'] ?? 0);
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
