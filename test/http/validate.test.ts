import stringify, { type AnySchema } from 'fast-json-stringify';
import type { FastifySchema } from 'fastify';
import type { TSchema } from 'typebox';
import { expect, test } from 'vitest';
import { validatorCompiler } from '../../src/http/validate.ts';
import { createLog } from '../../src/log.ts';
import { oneEngine } from '../support/dialects.ts';
import { housing } from '../support/house.ts';
import { appOf } from './app.ts';

interface Answers {
  [status: string]: TSchema | { content: Record<string, { schema: TSchema }> };
}

function answersOf({ response }: FastifySchema): TSchema[] {
  return Object.values((response ?? {}) as Answers).flatMap((one) =>
    'content' in one ? Object.values(one.content as Record<string, { schema: TSchema }>).map(({ schema }) => schema) : one,
  );
}

oneEngine((engine) => {
  const build = housing();

  test('every schema of a request and of an answer can be compiled: none is before it is needed', async () => {
    const house = await build((await engine.open()).db);
    const { app } = await appOf(house, createLog('silent'), { keys: '' });
    const requests = new Set<TSchema>();
    const answers = new Set<TSchema>();
    app.addHook('onRoute', ({ schema = {} }) => {
      for (const part of ['body', 'querystring', 'params', 'headers'] as const)
        if (schema[part]) requests.add(schema[part] as TSchema);
      for (const one of answersOf(schema)) answers.add(one);
    });
    await app.ready();
    await app.close();
    const route = { method: 'GET', url: '/' };
    for (const schema of requests) expect(() => validatorCompiler({ ...route, schema })({})).not.toThrow();
    for (const schema of answers) expect(() => stringify(schema as AnySchema)).not.toThrow();
    expect([requests.size, answers.size].every((size) => size > 50)).toBe(true);
  });
});
