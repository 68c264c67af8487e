/** Carries out the faults of a call. */
import type { FastifyReply } from 'fastify';
import type { CallPoint } from './fault-plan.js';
import type { Strike } from './faults.js';
import { Refusal } from './refusal.js';
import type { Timers } from './timers.js';

/**
 * Faults of a submit before it is accepted. Returns true if the call is over and nothing was accepted.
 * @throws Refusal
 */
export async function misbehaveBeforeAcceptance(
  strike: Strike<'submit'>,
  reply: FastifyReply,
  timers: Timers,
): Promise<boolean> {
  if (strike.has('latency')) await timers.sleep(strike.ms('latency'));
  if (strike.has('reset-before-accept')) return reset(reply);
  if (strike.has('timeout-before-accept')) return hang(reply);
  if (strike.has('500-before-accept')) return page(reply, 500, 'Internal Server Error');
  if (strike.has('500-json')) throw new Refusal(strike.code('500-json'), undefined, 500);
  if (strike.has('too-frequent')) throw new Refusal(1005);
  if (strike.has('too-many-requests')) throw tooMany(reply, strike.retryAfterSeconds('too-many-requests'));
  if (strike.has('no-credit')) throw new Refusal(1006);
  if (strike.has('forbidden')) return page(reply, 403, 'Forbidden');
  if (strike.has('refuse')) throw new Refusal(strike.code('refuse'));
  return false;
}

/** Faults of a submit that was accepted and billed. Returns true if its answer is lost. */
export function misbehaveAfterAcceptance(strike: Strike<'submit'>, reply: FastifyReply): boolean {
  if (strike.has('reset-after-accept')) return reset(reply);
  if (strike.has('timeout-after-accept')) return hang(reply);
  if (strike.has('500-after-accept')) return page(reply, 500, 'Internal Server Error');
  if (strike.has('garbage-after-accept')) return garbage(reply);
  return false;
}

/** Faults of every other call. @throws Refusal */
export async function misbehave(
  strike: Strike<CallPoint>,
  reply: FastifyReply,
  timers: Timers,
): Promise<boolean> {
  if (strike.has('latency')) await timers.sleep(strike.ms('latency'));
  if (strike.has('reset')) return reset(reply);
  if (strike.has('timeout')) return hang(reply);
  if (strike.has('error')) return page(reply, 500, 'Internal Server Error');
  if (strike.has('garbage')) return garbage(reply);
  if (strike.has('too-many-requests')) throw tooMany(reply, strike.retryAfterSeconds('too-many-requests'));
  if (strike.has('forbidden')) return page(reply, 403, 'Forbidden');
  if (strike.has('refuse')) throw new Refusal(strike.code('refuse'));
  return false;
}

/** Closes the connection with a TCP reset, as when a load balancer drops it. */
export function reset(reply: FastifyReply): true {
  reply.hijack();
  reply.raw.socket?.resetAndDestroy();
  return true;
}

/** Keeps the connection open without an answer, until the caller gives up or the sandbox stops. */
function hang(reply: FastifyReply): true {
  reply.hijack();
  return true;
}

/** Answers with an HTML page, like a proxy. */
function page(reply: FastifyReply, status: number, title: string): true {
  void reply
    .code(status)
    .type('text/html')
    .send(`<html><head><title>${status} ${title}</title></head><body>nginx</body></html>\n`);
  return true;
}

function garbage(reply: FastifyReply): true {
  void reply.code(200).type('application/json').send('{"code":1000,"msg":"OK","data":{"_i');
  return true;
}

function tooMany(reply: FastifyReply, retryAfterSeconds: number): Refusal {
  void reply.header('retry-after', String(retryAfterSeconds));
  return new Refusal(1005, undefined, 429);
}
