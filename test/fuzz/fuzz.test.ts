import { describe, expect, it } from 'vitest';
import { chanceOf } from '../support/chance.ts';
import { execute } from './execute.ts';
import { nextInput, seedsOf } from './inputs.ts';

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
