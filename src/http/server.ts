import type { TypeBoxTypeProvider } from '@fastify/type-provider-typebox';
import {
  type FastifyBaseLogger,
  type FastifyInstance,
  type FastifyPluginCallback,
  type FastifyRequest,
  fastify,
  LogController,
} from 'fastify';
import { newId, SECOND } from '../clock.ts';
import type { Log } from '../log.ts';
import { enforceTable } from './access.ts';
import { acknowledgeRoutes } from './acknowledge.ts';
import { admissionRoutes } from './admission.ts';
import type { Api, App, Routes } from './api.ts';
import { auditRoutes } from './audit.ts';
import { authenticate } from './auth.ts';
import { caseAfter } from './case-after.ts';
import { caseAside } from './case-aside.ts';
import { caseMoves } from './case-moves.ts';
import { caseNotices } from './case-notices.ts';
import { caseProcess } from './case-process.ts';
import { casePublic } from './case-public.ts';
import { caseRoutes } from './cases.ts';
import { clockRoutes } from './clock.ts';
import { contactRoutes } from './contacts.ts';
import { deliveryRoutes } from './deliveries.ts';
import { describeApi, documentRoute } from './docs.ts';
import { HEADERS } from './headers.ts';
import { healthRoutes } from './health.ts';
import { answerOnce } from './idempotency.ts';
import { incidentRoutes } from './incidents.ts';
import { listRoutes } from './lists.ts';
import { memberRoutes } from './members.ts';
import { metricsRoute } from './metrics.ts';
import type { Numbers } from './numbers.ts';
import { policyRoutes } from './policies.ts';
import { postRoutes } from './posts.ts';
import { refuseBytes, sendProblem } from './problem.ts';
import { publicRoutes } from './public.ts';
import { recipientRoutes } from './recipients.ts';
import { restorationRoutes } from './restoration.ts';
import { sessionRoutes } from './session.ts';
import { statisticsRoute } from './statistics.ts';
import { tokenRoutes } from './tokens.ts';
import { refuseUnknown } from './unknown.ts';
import { serializerCompiler, validatorCompiler } from './validate.ts';

const resources: readonly Routes[] = [
  listRoutes,
  recipientRoutes,
  memberRoutes,
  admissionRoutes,
  contactRoutes,
  caseRoutes,
  caseMoves,
  caseProcess,
  caseNotices,
  caseAfter,
  statisticsRoute,
  caseAside,
  casePublic,
  deliveryRoutes,
  postRoutes,
  policyRoutes,
  clockRoutes,
  restorationRoutes,
  incidentRoutes,
  tokenRoutes,
  sessionRoutes,
  auditRoutes,
];

/** Of a request but a patch. */
const BODY_LIMIT = 1024 * 1024;
/** From the first octet of a request to its last; 35 MiB in this time are 2.4 Mbit/s. */
const REQUEST_TIMEOUT = 120 * SECOND;
/** What is left to requests under way when the server is closed. */
const DRAIN = 1.5 * SECOND;

export interface HttpOptions extends Api {
  log: Log;
  /** One line for each thing that is missing; empty: ready. */
  ready: () => Promise<string[]>;
  numbers: Numbers;
}

/** The HTTP server, complete and not listening. A route that the table of access does not know fails its start. */
export function createHttp(options: HttpOptions): FastifyInstance {
  const { seams, log, ready, numbers } = options;
  const app: FastifyInstance = fastify({
    // Its own lines show paths and queries, which may hold addresses; `logRequests` says less.
    logController: new LogController({ disableRequestLogging: true }),
    loggerInstance: quiet(log),
    genReqId: () => newId(seams.clock),
    bodyLimit: BODY_LIMIT,
    requestTimeout: REQUEST_TIMEOUT,
    return503OnClosing: false,
    routerOptions: { maxParamLength: 300 },
    // These come before every hook.
    frameworkErrors: (error, request, reply) => void sendProblem(error, request, reply.headers(headersFor(request))),
    clientErrorHandler: refuseBytes,
  });
  app.removeContentTypeParser('text/plain');
  app.setValidatorCompiler(validatorCompiler);
  app.setSerializerCompiler(serializerCompiler);
  app.setErrorHandler(sendProblem);
  enforceTable(app);
  refuseUnknown(app);
  app.addHook('onRequest', async (request, reply) => void reply.headers(headersFor(request)));
  authenticate(app, seams);
  answerOnce(app, seams);
  logRequests(app, log);
  describeApi(app);
  app.register(
    plugin((scope) => {
      healthRoutes(scope, ready);
      documentRoute(scope);
      metricsRoute(scope, numbers);
      publicRoutes(scope, options);
    }),
  );
  app.register(plugin((scope) => acknowledgeRoutes(scope, options)));
  app.register(
    plugin((scope) => {
      for (const routes of resources) routes(scope, options);
    }),
    { prefix: '/api/v1' },
  );
  app.addHook('preClose', async () => void setTimeout(() => app.server.closeAllConnections(), DRAIN).unref());
  return app;
}

/** What a plugin throws would end the process; what it gives to `done` fails the start. */
function plugin(add: (app: App) => void): FastifyPluginCallback {
  return (scope, _options, done) => {
    try {
      add(scope.withTypeProvider<TypeBoxTypeProvider>());
      done();
    } catch (error) {
      done(error instanceof Error ? error : new Error(String(error)));
    }
  };
}

/** What fastify says about a request by itself would show its URL, and where it listens is said by `serve`. */
function quiet(log: Log): FastifyBaseLogger {
  return log.child(
    {},
    { level: log.isLevelEnabled('warn') ? 'warn' : log.level, serializers: { req: () => undefined, res: () => undefined } },
  );
}

/** `x-request-id` is what the log and `instance` of problems call the request. */
function headersFor({ id }: FastifyRequest): Record<string, string> {
  return { ...HEADERS, 'x-request-id': id };
}

/** One line a request: the route's pattern, never the path that was asked for, nor anything of the bodies. */
function logRequests(app: FastifyInstance, log: Log): void {
  app.addHook('onResponse', async ({ id: reqId, method, routeOptions, ip, caller }, { statusCode, elapsedTime }) => {
    const by = caller?.tokenId ?? null;
    log.info(
      { reqId, method, route: routeOptions.url ?? null, status: statusCode, ms: Math.round(elapsedTime), ip, by },
      'request',
    );
  });
}
