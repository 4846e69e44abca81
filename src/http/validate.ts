import type { FastifySchemaCompiler } from 'fastify';
import type { TSchema } from 'typebox';
import { Compile } from 'typebox/compile';
import { Value } from 'typebox/value';
import { problemsOf } from '../schema-problems.ts';
import { invalidRequest } from './problem.ts';

/** Checks a part of a request. What comes as text (path, query, headers) becomes a number where the schema wants one; a body is taken as it is. */
export const validatorCompiler: FastifySchemaCompiler<TSchema> = ({ schema, httpPart }) => {
  const compiled = Compile(schema);
  return (sent: unknown) => {
    const value = httpPart === 'body' ? sent : Value.Convert(schema, sent);
    if (compiled.Check(value)) return { value };
    const problems = problemsOf(schema, value);
    return { error: invalidRequest(problems.length > 0 ? problems : [{ path: '', message: 'is not what is asked for here' }]) };
  };
};
