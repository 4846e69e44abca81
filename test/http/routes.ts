import type { TestApi } from './api.ts';

export interface Route {
  /** As the table of access has it: `GET /api/v1/cases/:id`. */
  row: string;
  method: string;
  /** With its parameters in braces. */
  path: string;
}

/** Every route that the OpenAPI document describes. */
export async function documented(api: TestApi): Promise<Route[]> {
  const { body } = await api.ask(null, 'GET /api/openapi.json');
  return Object.entries<object>(body.paths).flatMap(([path, methods]) =>
    Object.keys(methods).map((method) => {
      const upper = method.toUpperCase();
      return { row: rowOf({ method: upper, path }), method: upper, path };
    }),
  );
}

export const changes = ({ method }: Route): boolean => method !== 'GET';

export function rowOf({ method, path }: Omit<Route, 'row'>): string {
  return `${method} ${path.replaceAll(/\{(\w+)\}/g, ':$1')}`;
}

const PARAMETER = /(?<=(?:([^/{}]+)|\})\/)\{(\w+)\}/g;

/** By what `calls` names each parameter of a path: the segment before it, or its own name where that is a parameter as well. */
export function keysOf(path: string): string[] {
  return [...path.matchAll(PARAMETER)].map(([, before, own = '']) => before ?? own);
}

/** A path where `value` gives what stands for a parameter, by its key. */
export function filledPath(path: string, value: (key: string) => string): string {
  return path.replaceAll(PARAMETER, (_all, before: string | undefined, own: string) => value(before ?? own));
}

/** The request for a route. */
export function filled({ method, path }: Route, value: (key: string) => string): string {
  return `${method} ${filledPath(path, value)}`;
}
