import { createHash } from 'node:crypto';
import { type Instant, toIso } from '../clock.ts';

/** What two people approve: all that will become public, when, and where. */
export interface Bundle {
  caseId: string;
  releaseAt: Instant;
  /** Of the draft (subject and text) as it is kept. */
  draft: Part;
  /** Of each as it is kept: its name with its octets. Their order means nothing. */
  patches: readonly Part[];
  /** Of what is known of the case, as it is kept: pages and documents are made of it. Null where nothing is written down. */
  details: Part | null;
  /** The id of the schedule that has instant and channels; null of a case from before these had one. */
  plan: string | null;
  /** Ids of the patches that were taken out. */
  withdrawn: readonly string[];
  /** Addresses of the public lists. */
  channels: readonly string[];
}

/**
 * The id of a row and the SHA-256 (hex) of its octets. No id comes twice: what was changed and changed back is another
 * bundle, so that no single person can bring back what others approved before.
 */
export interface Part {
  id: string;
  sha256: string;
}

/** SHA-256, hex, over the bundle in one written form. Another instant, letter, patch or channel is another hash. */
export function bundleHash(bundle: Bundle): string {
  const written = JSON.stringify([
    'curfew bundle 1',
    bundle.caseId,
    toIso(bundle.releaseAt),
    [bundle.draft.id, bundle.draft.sha256],
    bundle.patches.map(({ id, sha256 }) => `${id} ${sha256}`).sort(),
    [...bundle.withdrawn].sort(),
    [...bundle.channels].sort(),
    ...(bundle.details === null ? [] : [[bundle.details.id, bundle.details.sha256]]),
    ...(bundle.plan === null ? [] : [bundle.plan]),
  ]);
  return sha256(Buffer.from(written));
}

/** The public word that a case is withdrawn: what is approved of it in the place of a bundle. */
export type Note = Pick<Bundle, 'caseId' | 'releaseAt' | 'draft' | 'plan' | 'channels'>;

/** SHA-256, hex. No approval of a release is one of a note, nor the other way round. */
export function noteHash({ caseId, releaseAt, draft, plan, channels }: Note): string {
  const parts = [[draft.id, draft.sha256], [...channels].sort(), ...(plan === null ? [] : [plan])];
  const written = ['curfew note 1', caseId, toIso(releaseAt), ...parts];
  return sha256(Buffer.from(JSON.stringify(written)));
}

/** What two people say of a case before distributors are told: when, where, and under which policies. */
export interface Planned {
  caseId: string;
  /** Of this plan: one that was changed and changed back is another one. */
  id: string;
  releaseAt: Instant;
  channels: readonly string[];
  policies: readonly string[];
}

/** SHA-256, hex. */
export function scheduleHash({ caseId, id, releaseAt, channels, policies }: Planned): string {
  const written = ['curfew schedule 1', caseId, id, toIso(releaseAt), [...channels].sort(), [...policies].sort()];
  return sha256(Buffer.from(JSON.stringify(written)));
}

/** SHA-256, hex, over a patch set: names and octets. Null where there is no patch. */
export function patchSetHash(caseId: string, patches: readonly Part[]): string | null {
  if (patches.length === 0) return null;
  const written = ['curfew patches 1', caseId, patches.map(({ id, sha256: digest }) => `${id} ${digest}`).sort()];
  return sha256(Buffer.from(JSON.stringify(written)));
}

/** Hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
