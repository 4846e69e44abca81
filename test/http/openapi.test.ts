import { mkdtempSync, rmSync, writeFileSync } from 'node:fs';
import { tmpdir } from 'node:os';
import { join } from 'node:path';
import { Validator } from '@seriousme/openapi-schema-validator';
import openapiTS from 'openapi-typescript';
import { expect, test } from 'vitest';
import { oneEngine } from '../support/dialects.ts';
import { run } from '../support/process.ts';
import { serving } from './api.ts';

/** What a program does with types that were generated from the document; the last lines must not compile. */
const CLIENT = `
import type { paths } from './api.ts';

type Method = 'get' | 'post' | 'put' | 'patch' | 'delete';
type JsonOf<Content> = Content extends { content: { 'application/json': infer Body } } ? Body : undefined;
type Operation<Path extends keyof paths, Verb extends Method> = paths[Path] extends { [V in Verb]: infer Op } ? Op : never;
type BodyOf<Op> = Op extends { requestBody: infer Content }
  ? JsonOf<Content>
  : Op extends { requestBody?: infer Content }
    ? JsonOf<Content> | undefined
    : undefined;
type Answers<Op> = Op extends { responses: infer All } ? { [Status in keyof All]: JsonOf<All[Status]> } : never;
type Good<All> = { [Status in keyof All]: Status extends 200 | 201 | 202 ? All[Status] : never }[keyof All];

async function ask<Path extends keyof paths, Verb extends Method>(
  path: Path,
  method: Verb,
  body: BodyOf<Operation<Path, Verb>>,
): Promise<Good<Answers<Operation<Path, Verb>>>> {
  const answer = await fetch(path, { method, body: JSON.stringify(body) });
  return answer.json() as never;
}

export async function use(): Promise<string[]> {
  const made = await ask('/api/v1/tokens', 'post', { name: 'ci', role: 'auditor', days: 30 });
  const cases = await ask('/api/v1/cases', 'get', undefined);
  const list = await ask('/api/v1/lists/{list}', 'patch', { moderated: true, footer: null });
  const state: 'ordinary' | NonNullable<typeof cases.items[0]>['state'] = cases.items[0]?.state ?? 'ordinary';
  await ask('/api/v1/deliveries/{id}/retry', 'post', undefined);
  return [made.token, list.address, state, cases.next ?? ''];
}

// @ts-expect-error there is no such role
export const root = () => ask('/api/v1/tokens', 'post', { name: 'ci', role: 'root' });
// @ts-expect-error nothing is there
export const nowhere = () => ask('/api/v1/nowhere', 'get', undefined);
// @ts-expect-error it needs a reason
export const hold = () => ask('/api/v1/deliveries/{id}/hold', 'post', undefined);
`;

type Operations = Record<string, { requestBody?: { required: boolean; content: Record<string, unknown> } }>;

const OPTIONS = ['--strict', '--noEmit', '--target', 'es2023', '--module', 'nodenext', '--allowImportingTsExtensions'];

oneEngine((engine) => {
  const serve = serving();
  const document = async () => (await (await serve(await engine.open())).ask(null, 'GET /api/openapi.json')).body;

  test('the document is valid by the schema of OpenAPI 3.1', async () => {
    const validator = new Validator();
    const { valid, errors } = await validator.validate(await document());
    expect(errors, JSON.stringify(errors)).toBeUndefined();
    expect([valid, validator.version]).toEqual([true, '3.1']);
  });

  test('a body is required where the server refuses a request without one, and nowhere else', async () => {
    const api = await serve(await engine.open());
    const token = await api.house.token('admin');
    const { paths } = (await api.ask(null, 'GET /api/openapi.json')).body;
    const bodies = Object.entries<Operations>(paths).flatMap(([path, operations]) =>
      Object.entries(operations).flatMap(([method, { requestBody }]) =>
        requestBody?.content['application/json'] ? [{ path, method, required: requestBody.required }] : [],
      ),
    );
    expect(bodies.length).toBeGreaterThan(40);
    const optional = [];
    for (const { path, method, required } of bodies) {
      const { body } = await api.ask(token, `${method.toUpperCase()} ${path.replace(/\{\w+\}/, 'none')}`);
      const isRefused = String(body.detail).startsWith('the body is null');
      expect([method, path, required]).toEqual([method, path, isRefused]);
      if (!required) optional.push(path);
    }
    expect(optional).toEqual(['/api/v1/deliveries/{id}/retry']);
  });

  test('a client that was generated from it compiles, and refuses what the server would', async () => {
    const folder = mkdtempSync(join(tmpdir(), 'curfew-client-'));
    try {
      writeFileSync(join(folder, 'api.ts'), await openapiTS(await document()));
      writeFileSync(join(folder, 'client.ts'), CLIENT);
      const compiler = join(import.meta.dirname, '..', '..', 'node_modules', 'typescript', 'bin', 'tsc');
      const ended = await run(process.execPath, [compiler, ...OPTIONS, 'client.ts'], { cwd: folder });
      expect(ended).toMatchObject({ code: 0, stdout: '', stderr: '' });
    } finally {
      rmSync(folder, { recursive: true, force: true });
    }
  });
});
