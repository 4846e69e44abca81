import type { Static } from 'typebox';
import { type Instant, toIso } from '../clock.ts';
import { type Contents, channelsOf } from '../embargo/contents.ts';
import * as cases from '../store/cases.ts';
import * as contacts from '../store/contacts.ts';
import type { Db } from '../store/database.ts';
import * as needToKnow from '../store/need-to-know.ts';
import type { Case } from '../store/schema.ts';
import type { BundleView, CaseSummary, CaseView } from './schemas.ts';

export function orNull(instant: Instant | null): string | null {
  return instant === null ? null : toIso(instant);
}

export function caseSummary(about: Case): Static<typeof CaseSummary> {
  return {
    id: about.id,
    state: about.state,
    revision: about.revision,
    receivedAt: toIso(about.received_at),
    releaseAt: orNull(about.release_at),
    channels: channelsOf(about),
    bundleHash: about.bundle_hash,
    dispatchedAt: orNull(about.dispatched_at),
    releasedAt: orNull(about.released_at),
  };
}

export async function caseView(db: Db, about: Case): Promise<Static<typeof CaseView>> {
  const approvals = [];
  for (const { person_id, hash, approved_at } of await cases.approvals(db, about.id)) {
    if (hash !== about.bundle_hash) continue;
    const person = await contacts.byId(db, person_id);
    approvals.push({ person: person?.address ?? person_id, approvedAt: toIso(approved_at) });
  }
  const limited = await needToKnow.ofCase(db, about.id);
  return { ...caseSummary(about), needToKnow: limited, approvals, patches: await cases.patchFacts(db, about.id) };
}

export function bundleView(about: Case, { draft, patches, hash }: Contents): Static<typeof BundleView> {
  return {
    hash,
    releaseAt: orNull(about.release_at),
    channels: channelsOf(about),
    subject: draft.subject,
    text: draft.text,
    patches: patches.map(({ name, bytes, sha256 }) => ({ name, sha256, size: bytes.length })),
  };
}
