import { createHash } from 'node:crypto';
import { type Instant, toIso } from '../clock.ts';

/** What two people approve: all that will become public, when, and where. */
export interface Bundle {
  caseId: string;
  releaseAt: Instant;
  /** SHA-256 of the draft (subject and text) as it is kept, hex. */
  draft: string;
  /** SHA-256 of each patch, hex; their order means nothing. */
  patches: readonly string[];
  /** Addresses of the public lists. */
  channels: readonly string[];
}

/** SHA-256, hex, over the bundle in one written form. Another instant, letter, patch or channel is another hash. */
export function bundleHash(bundle: Bundle): string {
  const written = JSON.stringify([
    'curfew bundle 1',
    bundle.caseId,
    toIso(bundle.releaseAt),
    bundle.draft,
    [...bundle.patches].sort(),
    [...bundle.channels].sort(),
  ]);
  return sha256(Buffer.from(written));
}

/** Hex. */
export function sha256(bytes: Uint8Array): string {
  return createHash('sha256').update(bytes).digest('hex');
}
