import type { Instant } from '../../src/clock.ts';
import { sealShared } from '../../src/pgp/seal.ts';
import { armorOf, type Shared } from '../../src/pgp/shared.ts';

/** Copies that share what is encrypted, armored, for these certificates; those before had what is in `shared`. Throws where one may not be sealed to. */
export async function sealSharedToAll(
  signed: Uint8Array,
  certificates: readonly Uint8Array[],
  at: Instant,
  shared: Shared = { bodies: new Map(), lines: new Map() },
): Promise<string[]> {
  const { copies, made } = await sealShared({
    signed,
    certificates,
    at,
    bodies: shared.bodies,
    lines: new Set(shared.lines.keys()),
  });
  for (const [cohort, body] of made.bodies) shared.bodies.set(cohort, body);
  for (const [name, lines] of made.lines) shared.lines.set(name, lines);
  return copies.map((copy) => {
    if ('unusable' in copy) throw new Error(copy.unusable);
    return Buffer.concat(armorOf(copy, shared)).toString('latin1');
  });
}

/** As `sealTo`, as the first of those that share it. */
export async function sealSharedTo(signed: Uint8Array, certificate: Uint8Array, at: Instant): Promise<string> {
  const [copy = ''] = await sealSharedToAll(signed, [certificate], at);
  return copy;
}
