import { readFileSync } from 'node:fs';
import { join } from 'node:path';
import * as openpgp from 'openpgp';
import { afterAll, beforeAll, describe, expect, test } from 'vitest';
import { absent, type GnuPG, openGnuPG } from '../support/gnupg.ts';
import { exceptionFor } from './exceptions.ts';
import { type Kind, kinds, USER_ID } from './kinds.ts';
import { type Direction, makeList, measure, type Outcome } from './measure.ts';
import { type Key, type Peer, type Program, programs } from './peers.ts';
import { type Cells, table } from './table.ts';

const here = programs.filter((program) => !program.absent);
const missing = programs.flatMap((program) => (program.absent ? [program.absent] : []));
/** GnuPG makes the keys that all are given. */
const measured = absent.gpg ? [] : here;

const DOCUMENT = readFileSync(join(import.meta.dirname, '../../docs/interoperability.md'), 'utf8');
const asDocumented = programs.every(({ absent: why, version }) => !why && DOCUMENT.includes(`| ${version} `));

const peers: Peer[] = [];
const cells = new Map<string, Promise<Map<Direction, Outcome>>>();
const results: Cells = new Map();
const ownKeys = new Map<string, string>();
let maker: GnuPG;

const cell = (program: Program, kind: Kind) => `${kind.name} | ${program.name}`;

beforeAll(async () => {
  if (measured.length === 0) return;
  maker = openGnuPG();
  const list = await makeList();
  const shared = makeOneByOne(maker);
  for (const program of measured) {
    const peer = program.open();
    peers.push(peer);
    // One after the other with one program, all programs at a time: most of it is waiting for keys and for Java to start.
    let turn: Promise<unknown> = Promise.resolve();
    for (const kind of kinds) {
      const done = turn.then(async () => measure(peer, await keyFor(kind, program, peer, shared), kind, list));
      cells.set(cell(program, kind), done);
      turn = done.catch(() => {});
    }
  }
});

afterAll(async () => {
  await Promise.allSettled(cells.values());
  await Promise.all([...peers, ...(maker ? [maker] : [])].map((each) => each.close()));
  console.log(`\n${table(programs, results, ownKeys)}`);
});

/** GnuPG makes keys one at a time; the first can be used while the others are made. */
function makeOneByOne(gpg: GnuPG): Map<Kind, Promise<Key>> {
  const made = new Map<Kind, Promise<Key>>();
  let turn: Promise<unknown> = Promise.resolve();
  for (const kind of kinds) {
    const { make } = kind;
    if (!make) continue;
    const key = turn.then(() => make(gpg));
    made.set(kind, key);
    turn = key.catch(() => {});
  }
  return made;
}

async function keyFor(kind: Kind, program: Program, peer: Peer, shared: Map<Kind, Promise<Key>>): Promise<Key> {
  const made = await shared.get(kind);
  if (made) return made;
  const key = await peer.generate(USER_ID);
  const text = Buffer.from(key.certificate).toString('latin1');
  const read = text.startsWith('-----') ? openpgp.readKey({ armoredKey: text }) : openpgp.readKey({ binaryKey: key.certificate });
  const { algorithm, bits, curve } = (await read).getAlgorithmInfo();
  ownKeys.set(program.name, bits ? `RSA-${bits}` : (curve ?? algorithm));
  return key;
}

describe.skipIf(measured.length === 0)(`OpenPGP programs${missing.length > 0 ? ` (${missing.join(', ')})` : ''}`, () => {
  const pairs = measured.flatMap((program) => kinds.map((kind) => ({ program, kind, name: `${program.name}, ${kind.name}` })));
  test.each(pairs)(
    '$name: each opens what the other wrote, or a known reason is given',
    async ({ program, kind }) => {
      const surprises: string[] = [];
      for (const [direction, outcome] of (await cells.get(cell(program, kind))) ?? []) {
        results.set(`${kind.name} | ${direction} | ${program.name}`, outcome);
        const surprise = judge(program.name, kind.name, direction, outcome);
        if (surprise) surprises.push(`${direction}: ${surprise}`);
      }
      expect(surprises).toEqual([]);
      expect(results.has(`${kind.name} | copy | ${program.name}`)).toBe(true);
    },
    120_000,
  );

  test.skipIf(!asDocumented)(`the documented matrix is this one${asDocumented ? '' : ' (of other versions)'}`, () => {
    expect(DOCUMENT).toContain(table(programs, results, ownKeys));
  });
});

/** What is not as it should be, or null. */
function judge(program: string, kind: string, direction: Direction, outcome: Outcome): string | null {
  const exception = exceptionFor(program, kind, direction);
  if (outcome === 'ok') return exception?.outcome === 'refused' ? `ok, and must be refused: ${exception.because}` : null;
  const [[is, why] = []] = Object.entries(outcome);
  return exception && is === exception.outcome && exception.says.test(String(why)) ? null : `${is}: ${why}`;
}
