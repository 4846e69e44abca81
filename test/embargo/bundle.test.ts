import { expect, test } from 'vitest';
import { type Bundle, bundleHash } from '../../src/embargo/bundle.ts';

const [one, two] = ['1', '2'].map((digit) => ({ id: `patch-${digit}`, sha256: digit.repeat(64) }));
if (!one || !two) throw new Error('there are two patches');
const bundle: Bundle = {
  caseId: 'ORBIT-2026-0001',
  releaseAt: 1_790_092_800_000,
  draft: { id: 'draft', sha256: 'd'.repeat(64) },
  patches: [one, two],
  details: { id: 'details', sha256: 'a'.repeat(64) },
  plan: 'plan',
  withdrawn: ['gone'],
  channels: ['announce@orbit.example', 'other@orbit.example'],
};

test.each<[string, Partial<Bundle>]>([
  ['case', { caseId: 'ORBIT-2026-0002' }],
  ['instant, by a millisecond', { releaseAt: bundle.releaseAt + 1 }],
  ['text', { draft: { ...bundle.draft, sha256: 'e'.repeat(64) } }],
  ['draft with the same text', { draft: { ...bundle.draft, id: 'draft again' } }],
  ['set of patches', { patches: [one] }],
  ["patch's octets", { patches: [one, { ...two, sha256: '3'.repeat(64) }] }],
  ['patch with the same octets', { patches: [one, { ...two, id: 'patch-3' }] }],
  ['schedule of the same instant and channels', { plan: 'plan again' }],
  ['set of withdrawn patches', { withdrawn: [] }],
  ['version of what is known', { details: { id: 'details', sha256: 'b'.repeat(64) } }],
  ['version with the same words', { details: { id: 'details again', sha256: 'a'.repeat(64) } }],
  ['case of which nothing is known', { details: null }],
  ['set of channels', { channels: ['announce@orbit.example'] }],
  ['channel', { channels: ['announce@orbit.example', 'another@orbit.example'] }],
])('another %s is another bundle', (_, change) => {
  expect(bundleHash({ ...bundle, ...change })).not.toBe(bundleHash(bundle));
});

test('the order of patches and channels means nothing', () => {
  const turned = { ...bundle, patches: [two, one], channels: [...bundle.channels].reverse() };
  expect(bundleHash(turned)).toBe(bundleHash(bundle));
});

test('patches and withdrawn ones, channels and patches do not run into each other', () => {
  const hashes = [
    { patches: [one], withdrawn: ['x'], channels: [] },
    { patches: [], withdrawn: [one.id, 'x'], channels: [] },
    { patches: [], withdrawn: ['x'], channels: [one.id] },
    { patches: [], withdrawn: [], channels: [one.id, 'x'] },
    { patches: [], withdrawn: ['x,y'], channels: [] },
    { patches: [], withdrawn: ['x', 'y'], channels: [] },
  ].map((change) => bundleHash({ ...bundle, ...change }));
  expect(new Set(hashes).size).toBe(hashes.length);
});
