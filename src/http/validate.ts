import stringify, { type AnySchema } from 'fast-json-stringify';
import type { FastifySchemaCompiler, FastifySerializerCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { problemsOf } from '../schema-problems.ts';
import { invalidRequest } from './problem.ts';

/*
 * Compiled when they are needed first: there are more than a hundred routes, most of which a process is never asked for, and to compile them all took a
 * third of its start.
 */

/** Checks a part of a request. What comes as text (path, query, headers) becomes a number where the schema wants one; a body is taken as it is. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const compiled = once(() => Compile(schema));
  return (sent: unknown) => {
    const value = httpPart === 'body' ? sent : Value.Convert(schema, sent);
    if (compiled().Check(value)) return { value };
    const problems = problemsOf(schema, value);
    return { error: invalidRequest(problems.length > 0 ? problems : [{ path: '', message: 'is not what is asked for here' }]) };
  };
};

/** Writes an answer as the schema of its response says: whatever that does not name is left out. */
export const serializerCompiler: FastifySerializerCompiler<TSchema> = ({ schema }) => {
  const compiled = once(() => stringify(schema as AnySchema));
  return (answer) => compiled()(answer);
};

function once<Made>(make: () => Made): () => Made {
  let made: Made | undefined;
  return () => {
    made ??= make();
    return made;
  };
}
