import { said } from '../advisories/advisory.ts';
import { record } from '../audit/record.ts';
import { type Clocked, isEnded, isOut, type Judged, judge, latestLeft, namesOf, policiesOf } from '../cases/clocks.ts';
import { keeperOf } from '../cases/keeper.ts';
import { actorOf, caseFor } from '../cases/step.ts';
import { type Instant, newId, toIso } from '../clock.ts';
import { baseName } from '../mail/outgoing.ts';
import { writeNotice } from '../notices/write.ts';
import { Refusal } from '../refusal.ts';
import type { Project, Seams } from '../seams.ts';
import * as cases from '../store/cases.ts';
import type { Db } from '../store/database.ts';
import * as lists from '../store/lists.ts';
import * as posts from '../store/posts.ts';
import type { Case, NewPost } from '../store/schema.ts';
import { scheduleHash, sha256 } from './bundle.ts';
import { bundled, change } from './change.ts';
import { channelsOf, type Draft, draftEntity, openPatches, patchEntity } from './contents.ts';
import { type Answer, answerInIso, type Code } from './policy.ts';
import { policyNamed } from './presets.ts';
import { proposedCase } from './proposal.ts';

/*
 * What the gate knows of a case, in this order (where it stands in the process is in cases/state.ts):
 *
 *   received    a report came in
 *   scheduled   it has an instant, a public text and channels; people look at them
 *   armed       two different people approved exactly what stands there
 *   released    it is public (terminal)
 *
 * Any change of instant, text, channels or patches makes another bundle, of which approvals of the old one are none. Of an armed case it is
 * proposed beside what two people approved (proposal.ts); other patches make it a scheduled one again. Only the moves in this folder change
 * any of that.
 */

export interface Schedule {
  releaseAt: Instant;
  /** Addresses of public lists; as they are unless given, and all of them at first. */
  channels?: string[];
  /** Names of policies that it is under beside the project's; as it is, unless given. */
  policies?: string[];
  /** What the public will read, both or neither; as it is, unless given. */
  subject?: string;
  text?: string;
}

/**
 * Sets the instant and the channels, or proposes them where the case is armed, and voids what was approved of them before; whoever sets
 * them stands behind them, and somebody else has to approve. Gives the case as it stands then. What has leaked, is public already, or has had its longest embargo may be
 * released now: an instant that has passed is taken for that. Throws Refusal: `past-instant` where there is no policy; `policy-violated` with everything that the
 * policies of the case do not allow; and what a step refuses.
 */
export async function schedule(seams: Seams, caseId: string, wish: Schedule, expected?: number): Promise<Case> {
  const { db, clock, project } = seams;
  const seen = await caseFor(db, seams, caseId, 'schedule', expected);
  const atOnce = isOut(seen) || isEnded(project, seen, clock.now());
  const releaseAt = atOnce ? Math.max(wish.releaseAt, clock.now()) : wish.releaseAt;
  const before = proposedCase(seen);
  const policies = policiesFor(project, before, wish.policies);
  const about = { ...seen, policies };
  if (policies !== before.policies) mustBeReconcilable(project, { ...seen, policies: before.policies }, about, clock.now());
  // What a policy has against it besides, and the nearest instant, is said by that.
  if (releaseAt <= clock.now() && !atOnce && policiesOf(project, about).length === 0) throw new Refusal('past-instant');
  const waived = mustAllow(project, about, releaseAt, clock.now());
  const channels = await channelsFor(db, wish.channels ?? (before.channels === null ? undefined : channelsOf(before)));
  const { subject, text } = wish;
  if ((subject === undefined) !== (text === undefined)) throw new Refusal('invalid', 'A text for the public needs its subject');
  const draft = subject !== undefined && text !== undefined ? await draftPost(seams, seen, { subject, text }) : null;
  const plan = { caseId, id: newId(clock), releaseAt, channels, policies: namesOf({ policies }, project.usual) };
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    if (draft) await posts.insert(trx, draft);
    const by = actorOf(seams).personId;
    const to = {
      release_at: releaseAt,
      original_at: seen.original_at ?? (seen.noticed_at === null ? null : seen.release_at),
      channels: channels.join(' '),
      policies,
      plan: plan.id,
      schedule_hash: scheduleHash(plan),
      scheduled_at: null,
      scheduled_by: by,
      ...(draft ? { draft_post_id: draft.id } : {}),
    };
    const scheduled = await change(trx, clock.now(), seen, to);
    const detail = {
      releaseAt: toIso(releaseAt),
      channels,
      policies: plan.policies,
      schedule: to.schedule_hash,
      ...(waived.length === 0 ? {} : { waived }),
    };
    await record(trx, seams, bundled('case.schedule', scheduled, detail));
    return scheduled;
  });
}

/** Sets, or proposes, what the public will read, and voids what was approved of that before. Throws what a step refuses; `invalid` for nothing to read. */
export async function setText(seams: Seams, caseId: string, text: Draft, expected?: number): Promise<Case> {
  const { db, clock } = seams;
  const seen = await caseFor(db, seams, caseId, 'describe', expected);
  const draft = await draftPost(seams, seen, text);
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    await posts.insert(trx, draft);
    const changed = await change(trx, clock.now(), seen, { draft_post_id: draft.id });
    await record(trx, seams, bundled('case.set-text', changed, { digest: draft.digest }));
    return changed;
  });
}

async function draftPost(seams: Seams, about: Case, draft: Draft): Promise<NewPost> {
  if (said(draft.subject) === undefined || said(draft.text) === undefined)
    throw new Refusal('invalid', 'The public text and its subject must not be empty');
  return writeNotice(seams, await keeperOf(seams.db, about), { kind: 'draft', caseId: about.id }, draftEntity(draft));
}

/**
 * Names with spaces between; null for those of the project alone. Others are added to those, and none is taken away under which
 * distributors were told: its longest embargo is for good.
 */
function policiesFor({ usual, policies }: Project, seen: Case, wanted: string[] | undefined): string | null {
  if (wanted === undefined) return seen.policies;
  for (const name of wanted) policyNamed(policies, name);
  const told = seen.noticed_at === null ? [] : namesOf(seen, usual);
  return [...new Set([...usual, ...told, ...wanted])].join(' ');
}

/** Nobody takes time from distributors by another policy, be it that they have all that is theirs, or what is left of it. Throws `policy-violated`. */
function mustBeReconcilable({ usual, ...project }: Project, before: Clocked, after: Clocked, now: Instant): void {
  const [until, was] = [after, before].map((about) => latestLeft({ usual, ...project }, about, now)) as [number, number];
  if (until >= was) return;
  const lost = Number.isFinite(was)
    ? `distributors get less time: as it is, it may be released until ${toIso(was)}`
    : 'no instant is left that breaks none of their rules';
  throw new Refusal('policy-violated', `Under ${namesOf(after, usual).join(', ')} together ${lost}`);
}

/** Gives the rules that are waived. Throws Refusal('policy-violated') with every other one that a release at that instant breaks. */
export function mustAllow(project: Project, about: Clocked, release: Instant, now: Instant): Code[] {
  const ended = isEnded(project, about, now);
  return mustBeAllowed(
    judge(project, about, release, now),
    ended ? 'Its longest embargo has ended: set the present instant' : undefined,
  );
}

/** As `mustAllow`, of what was judged. `otherwise`: said where no instant would do. */
export function mustBeAllowed({ waived, ...answer }: Judged, otherwise?: string): Code[] {
  if (answer.ok) return waived;
  throw Object.assign(new Refusal('policy-violated', refusedWords(answer, otherwise)), { answer: answerInIso(answer) });
}

/** What is against an instant, and the nearest that is allowed. */
export function refusedWords({ violations, suggestion }: Answer, otherwise = 'No instant would do'): string {
  const said = violations.map(({ code, policy, message }) => `${code}${policy === null ? '' : ` (${policy})`}: ${message}`);
  const instead = suggestion === undefined ? otherwise : `The nearest that is allowed: ${toIso(suggestion)}`;
  return `${said.join('; ')}. ${instead}`;
}

export async function channelsFor(db: Db, wanted?: string[]): Promise<string[]> {
  const open = (await lists.all(db)).filter(({ role }) => role === 'public').map(({ address }) => address);
  const channels = wanted?.map((address) => address.toLowerCase()) ?? open;
  const unknown = channels.filter((address) => !open.includes(address));
  if (unknown.length > 0) throw new Refusal('invalid', `No public list: ${unknown.join(', ')}. There are: ${open.join(', ')}`);
  if (channels.length === 0) throw new Refusal('invalid', 'A release needs at least one public list');
  return [...new Set(channels)].sort();
}

export interface AddedPatch {
  id: string;
  name: string;
  /** Hex. */
  sha256: string;
}

/**
 * Adds a patch, byte for byte. The name's last segment is kept. One that has its name, in whatever case, is in its way: which of them a
 * reader had would be chance. `replace`: it takes that one's place, and nothing changes where that is the very same file. Throws `conflict`
 * otherwise.
 */
export async function addPatch(
  seams: Seams,
  caseId: string,
  file: { name: string; bytes: Uint8Array; replace?: boolean },
  expected?: number,
): Promise<{ case: Case; patch: AddedPatch }> {
  const { db, clock, keyring, pgp } = seams;
  const seen = await caseFor(db, seams, caseId, 'patch', expected);
  if (file.bytes.length === 0) throw new Refusal('invalid', 'The patch is empty');
  const list = await keeperOf(db, seen);
  const key = keyring.find(list.fingerprint);
  if (!key) throw new Error(`there is no key for ${list.address}`);
  const patch = { id: newId(clock), name: baseName(file.name), sha256: sha256(file.bytes) };
  const namesakes = await namesakesOf(seams, seen, patch.name);
  const same = namesakes.find(({ name, sha256: octets }) => name === patch.name && octets === patch.sha256);
  if (!file.replace) mustBeNew(patch, namesakes, same);
  if (same && namesakes.length === 1) return { case: seen, patch: same };
  const entity = patchEntity(patch.name, file.bytes);
  const digest = sha256(entity);
  const content = await pgp.keep(entity, key.certificate, clock.now());
  const changed = await db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    for (const { id } of namesakes) await cases.withdrawPatch(trx, id, clock.now());
    await cases.insertPatch(trx, {
      id: patch.id,
      case_id: caseId,
      sha256: patch.sha256,
      digest,
      size: file.bytes.length,
      content,
      created_at: clock.now(),
    });
    const next = await change(trx, clock.now(), seen, {});
    const replaced = namesakes.length === 0 ? {} : { replaces: namesakes.map(({ id }) => id) };
    await record(trx, seams, bundled('case.add-patch', next, { patch: patch.id, sha256: patch.sha256, ...replaced }));
    return next;
  });
  return { case: changed, patch };
}

/** Who unpacks both on a disk that knows no case has one of them. */
async function namesakesOf(seams: Seams, seen: Case, name: string): Promise<AddedPatch[]> {
  const folded = (written: string) => written.normalize('NFKC').toLowerCase();
  const present = (await openPatches(seams, seen)).map(({ file: { id, name: called, sha256 } }) => ({
    id,
    name: called,
    sha256,
  }));
  return present.filter((one) => folded(one.name) === folded(name));
}

function mustBeNew({ name }: AddedPatch, [other]: readonly AddedPatch[], same: AddedPatch | undefined): void {
  if (same) throw new Refusal('conflict', `The case has this very file already: ${name}`);
  if (!other) return;
  const there = `The case has another ${other.name}, with the SHA-256 ${other.sha256}`;
  throw new Refusal('conflict', `${there}: replace it ("replace": true, or --replace), or withdraw it`);
}

/** Takes a patch out of what will be distributed and released. */
export async function withdrawPatch(seams: Seams, caseId: string, patchId: string, expected?: number): Promise<Case> {
  const { db, clock } = seams;
  const seen = await caseFor(db, seams, caseId, 'patch', expected);
  return db.transaction().execute(async (trx) => {
    await cases.lock(trx, caseId);
    const known = (await cases.patches(trx, caseId)).some(({ id }) => id === patchId);
    if (!known || !(await cases.withdrawPatch(trx, patchId, clock.now())))
      throw new Refusal('not-found', 'The case has no such patch');
    const next = await change(trx, clock.now(), seen, {});
    await record(trx, seams, bundled('case.withdraw-patch', next, { patch: patchId }));
    return next;
  });
}
