import { join } from 'node:path';
import { describe, expect, inject, it } from 'vitest';
import { chanceOf } from '../support/chance.ts';
import { execute } from './execute.ts';
import { nextInput, seedsOf } from './inputs.ts';
import { nextRequest, openRequests } from './request.ts';
import { nextSession, openSessions } from './session.ts';

/** A short round; `npm run fuzz -- --seconds 600` is the long one. */
const EXECUTIONS = 300;

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
  it(`are done or refused with a problem, ${EXECUTIONS} of them, without a 5xx or a secret, and are the same for the same seed`, async () => {
    const requests = await openRequests(join(inject('folder'), 'fuzzed.db'));
    try {
      const [chance, again] = [chanceOf(1), chanceOf(1)];
      const verdicts = new Set<string>();
      for (let at = 0; at < EXECUTIONS; at++) {
        const request = nextRequest(requests.operations, chance);
        expect(nextRequest(requests.operations, again)).toEqual(request);
        const executed = await requests.play(request);
        if ('failure' in executed) expect.fail(`execution ${at}: ${executed.failure}\n${asText(request).slice(0, 2_000)}`);
        verdicts.add(executed.verdict);
      }
      for (const status of [200, 400, 401, 404, 422]) expect(verdicts).toContain(`request ${status}`);
    } finally {
      await requests.close();
    }
  });
});
