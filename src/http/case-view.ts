import type { Static } from 'typebox';
import type { Site } from '../advisories/advisory.ts';
import { type CaseDeadlines, dueIn, namesOf } from '../cases/clocks.ts';
import { overdueAmong } from '../cases/overdue.ts';
import { peopleOf } from '../cases/people.ts';
import { isPrenoticed, stageOf } from '../cases/state.ts';
import { knowsCase } from '../cases/step.ts';
import { type Instant, toIso } from '../clock.ts';
import { type Contents, channelsOf, presentPatchSet } from '../embargo/contents.ts';
import { waitingForthcoming } from '../embargo/forthcoming.ts';
import { proposedCase, proposedParts } from '../embargo/proposal.ts';
import { externalMail, publishingOf } from '../embargo/published.ts';
import { waivedNow } from '../embargo/rules.ts';
import type { Seams } from '../seams.ts';
import * as caseTeams from '../store/case-teams.ts';
import * as cases from '../store/cases.ts';
import * as needToKnow from '../store/need-to-know.ts';
import * as patchSets from '../store/patch-sets.ts';
import type { Case } from '../store/schema.ts';
import type { BundleView, CaseSummary, CaseView } from './schemas.ts';

export function orNull(instant: Instant | null): string | null {
  return instant === null ? null : toIso(instant);
}

/** `since`: when the public ought to have had it, where it is overdue. */
export function caseSummary(about: Case, since: Instant | null): Static<typeof CaseSummary> {
  return {
    id: about.id,
    state: stageOf(about),
    revision: about.revision,
    receivedAt: toIso(about.received_at),
    releaseAt: orNull(about.release_at),
    channels: channelsOf(about),
    overdue: since !== null,
    overdueSince: orNull(since),
    lead: about.lead_id,
    bundleHash: about.bundle_hash,
    dispatchedAt: orNull(about.dispatched_at),
    releasedAt: orNull(about.released_at),
  };
}

/** As whoever asks may see it. */
export async function caseView(
  seams: Pick<Seams, 'db' | 'project' | 'clock' | 'by' | 'role'>,
  about: Case,
): Promise<Static<typeof CaseView>> {
  const { db, project } = seams;
  const { lead_id, deputy_id, handover_id } = about;
  const staff = await caseTeams.ofCase(db, about.id);
  const present = await presentPatchSet(db, about.id);
  const given = await cases.approvals(db, about.id);
  const addresses = await peopleOf(db, [lead_id, deputy_id, handover_id, ...staff, ...given.map(({ person_id }) => person_id)]);
  const addressOf = (id: string | null) => (id === null ? null : (addresses.get(id) ?? id));
  const { schedule_hash: schedule, bundle_hash: bundle, proposed_hash: proposal, forthcoming_hash: forthcoming } = about;
  const approvable = { patches: present, schedule, bundle, proposal, forthcoming };
  const waits = (await waitingForthcoming(db, about)) !== null;
  const [lastSet] = await patchSets.ofCase(db, about.id);
  return {
    ...caseSummary(about, (await overdueAmong(seams, [about])).get(about.id) ?? null),
    needToKnow: await needToKnow.ofCase(db, about.id),
    approvals: given.flatMap(({ person_id, hash, approved_at }) => {
      const what = (['patches', 'schedule', 'bundle', 'proposal', 'forthcoming'] as const).find(
        (name) => approvable[name] === hash,
      );
      return what ? [{ what, person: addressOf(person_id) ?? person_id, approvedAt: toIso(approved_at) }] : [];
    }),
    patches: await cases.patchFacts(db, about.id),
    people: {
      lead: addressOf(lead_id),
      deputy: addressOf(deputy_id),
      handoverTo: addressOf(handover_id),
      team: staff.map((id) => addressOf(id) ?? id),
    },
    policies: [...namesOf(about, project.usual)],
    waived: await waivedNow(seams, about),
    due: dueView(dueIn(project, about), about),
    patchSet: {
      hash: present,
      approved: present !== null && present === about.patch_set,
      distributed: present !== null && present === about.distributed_set,
      revision: lastSet?.revision ?? 0,
    },
    schedule: { hash: about.schedule_hash, approvedAt: orNull(about.scheduled_at) },
    proposal: proposalView(about),
    forthcoming: { hash: forthcoming, sentAt: waits ? null : orNull(about.forthcoming_at) },
    duplicateOf: (await knowsCase(db, seams, about.duplicate_of)) ? about.duplicate_of : null,
  };
}

function proposalView(about: Case): Static<typeof CaseView>['proposal'] {
  const { proposed_hash: hash, proposed_at } = about;
  if (proposed_at === null) return null;
  const releaseAt = orNull(proposedCase(about).release_at);
  return { hash, since: toIso(proposed_at), releaseAt, changes: proposedParts(about) };
}

function dueView(due: CaseDeadlines, about: Case): Static<typeof CaseView>['due'] {
  const done: Record<keyof CaseDeadlines, Instant | null> = {
    'leak-decision': about.leak_decided_at,
    acknowledge: about.acknowledged_at,
    forthcoming: about.forthcoming_at,
    notice: about.noticed_at,
    'second-notice': isPrenoticed(about) ? about.prenoticed_at : null,
    release: about.released_at,
  };
  return (Object.keys(done) as (keyof CaseDeadlines)[]).flatMap((what) => {
    const deadline = due[what];
    return deadline ? [{ what, at: toIso(deadline.at), policy: deadline.policy, doneAt: orNull(done[what]) }] : [];
  });
}

/** `unread`: the channels of it on which nobody is. */
export function bundleView(about: Case, contents: Contents, site: Site, unread: string[]): Static<typeof BundleView> {
  const { draft, patches, hash, note } = contents;
  return {
    hash,
    releaseAt: orNull(about.release_at),
    channels: channelsOf(about),
    unread,
    subject: draft.subject,
    text: draft.text,
    external: note ? null : externalMail(publishingOf(about.id, about.release_at ?? 0, contents), site),
    note,
    patches: patches.map(({ id, name, bytes, sha256 }) => ({ id, name, sha256, size: bytes.length })),
  };
}
