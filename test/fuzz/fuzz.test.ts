import { mkdirSync } from 'node:fs';
import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { chanceOf } from '../support/chance.ts';
import { execute } from './execute.ts';
import { nextInput, seedsOf } from './inputs.ts';
import { openRequests } from './request.ts';
import { nextSession, openSessions } from './session.ts';

/** A short round; `npm run fuzz -- --seconds 600` is the long one. */
const EXECUTIONS = 300;
const REQUESTS = 150;
const QUERIES = 600;

describe('changed mails', () => {
  it(`are opened or refused, ${EXECUTIONS} of them, each in the same way twice and within two seconds`, async () => {
    const seeds = await seedsOf();
    const chance = chanceOf(1);
    for (let at = 0; at < EXECUTIONS; at++) {
      const raw = await nextInput(seeds, chance);
      const began = performance.now();
      const executed = await execute(raw, seeds);
      if ('failure' in executed) expect.fail(`execution ${at}: ${executed.failure}\n${raw.toString('base64')}`);
      expect(performance.now() - began, `execution ${at}`).toBeLessThan(2_000);
    }
  });

  it('are the same for the same seed', async () => {
    const { mails, payloads, list, secrets, known } = await seedsOf();
    // Encrypted ones are never the same twice.
    const seeds = { mails: mails.slice(6), payloads, list, secrets, known };
    if (seeds.mails.length === 0) seeds.mails = [Buffer.from('From: a@b.example\r\nSubject: x\r\n\r\nx\r\n')];
    const twice = [chanceOf(7), chanceOf(7)].map(async (chance) => {
      const inputs: string[] = [];
      while (inputs.length < 50) inputs.push((await nextInput(seeds, chance)).toString('latin1'));
      return inputs.filter((input) => !input.includes('-----BEGIN PGP MESSAGE'));
    });
    const [first, second] = await Promise.all(twice);
    expect(first).toEqual(second);
  });
});

describe('the octets of a session', () => {
  const mails = [Buffer.from('From: a@b.example\r\nSubject: x\r\n\r\nx\r\n.\r\n'), Buffer.from('.\n\r\n.')];

  it(`are answered, or the connection is closed, in each of ${EXECUTIONS}; some are taken, some refused`, async () => {
    // A session waits for its greeting most of the time.
    const servers = await Promise.all(Array.from({ length: 10 }, openSessions));
    try {
      const chance = chanceOf(1);
      const verdicts = new Set<string>();
      for (let at = 0; at < EXECUTIONS; at += servers.length)
        await Promise.all(
          servers.map(async ({ play }, of) => {
            const session = nextSession(chance, mails);
            const executed = await play(session);
            if ('failure' in executed) expect.fail(`execution ${at + of}: ${executed.failure}\n${asText(session)}`);
            verdicts.add(executed.verdict);
          }),
        );
      expect([...verdicts].sort()).toEqual(['session refused', 'session taken']);
    } finally {
      await Promise.all(servers.map(({ close }) => close()));
    }
  });

  it('are the same for the same seed', () => {
    const made = () => {
      const chance = chanceOf(7);
      return Array.from({ length: 50 }, () => asText(nextSession(chance, mails)));
    };
    expect(made()).toEqual(made());
  });
});

const asText = (value: object) =>
  JSON.stringify(value, (_key, one) => (one?.type === 'Buffer' ? Buffer.from(one.data).toString('latin1') : one));

describe('requests', () => {
  it(`are done or refused with a problem, ${REQUESTS} of them, without a 5xx or a secret; what they name is there`, async () => {
    const requests = await openRequests(folder('fuzzed'));
    try {
      const chance = chanceOf(1);
      const verdicts = new Set<string>();
      for (let at = 0; at < REQUESTS; at++) {
        const request = await requests.next(chance);
        const executed = await requests.play(request);
        if ('failure' in executed) expect.fail(`execution ${at}: ${executed.failure}\n${asText(request).slice(0, 2_000)}`);
        verdicts.add(executed.verdict);
      }
      for (const status of [200, 201, 400, 401, 404, 422]) expect(verdicts).toContain(`request ${status}`);
      expect(requests.done.size).toBeGreaterThan(20);
    } finally {
      await requests.close();
    }
  });

  it('that have a query are answered by every route that may have one', async () => {
    const requests = await openRequests(folder('asked'));
    try {
      const [chance, asked] = [chanceOf(1), new Set<string>()];
      for (let at = 0; at < QUERIES; at++) {
        const request = requests.nextQuery(chance);
        asked.add(request.row);
        const executed = await requests.play(request);
        if ('failure' in executed) expect.fail(`execution ${at}: ${executed.failure}\n${request.url}`);
      }
      expect([...requests.done].sort()).toEqual([...asked].sort());
      expect(asked).toContain('GET /api/v1/policies/check');
    } finally {
      await requests.close();
    }
  });

  it('are the same for the same seed, but for what Curfew draws itself', async () => {
    const made = async (name: string) => {
      const requests = await openRequests(folder(name));
      const [chance, all] = [chanceOf(7), [] as unknown[]];
      while (all.length < 30) {
        const request = await requests.next(chance);
        all.push([request.row, Object.keys(request.headers), await requests.play(request)]);
      }
      await requests.close();
      return all;
    };
    expect(await made('once')).toEqual(await made('twice'));
  });
});

function folder(name: string): string {
  const made = join(inject('folder'), name);
  mkdirSync(made);
  return made;
}
