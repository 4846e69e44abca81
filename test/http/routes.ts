import type { TestApi } from './api.ts';
import { filledPath, rowOf } from './paths.ts';

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

/** The request for a route. */
export function filled({ method, path }: Route, value: (key: string) => string): string {
  return `${method} ${filledPath(path, value)}`;
}
