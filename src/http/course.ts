/** The outcome of admitting an HTTP request: a running operation or a refusal. */
import type { FastifyReply, FastifyRequest } from 'fastify';
import { GraphQLError } from 'graphql';
import type { AskedOperation, Engine, RefusedOperation } from '../graphql/engine.js';
import type { Operation } from '../graphql/operation.js';
import { senderOf } from './callers.js';
import { withStatus } from './http-errors.js';
import { onceOver } from './once-over.js';

interface Refusal extends RefusedOperation {
  /** Whether it was thrown, and thus is the answer. */
  isThrown: boolean;
}

export class Course {
  operation: Operation | null = null;
  refusal: Refusal | null = null;
  readonly #engine: Engine;
  readonly #request: FastifyRequest;
  readonly #reply: FastifyReply;

  constructor(engine: Engine, request: FastifyRequest, reply: FastifyReply) {
    this.#engine = engine;
    this.#request = request;
    this.#reply = reply;
  }

  /** Admits and begins the operation; only the first call has an effect. */
  async begin(asked: AskedOperation): Promise<void> {
    if (this.operation !== null || this.refusal !== null) return;
    const { context } = senderOf(this.#request);
    const onceLeft = (leave: () => void): void => onceOver(this.#request, this.#reply, leave);
    try {
      const admission = await this.#engine.admit(context.caller, asked);
      if ('errors' in admission) {
        this.refusal = { ...admission, isThrown: false };
        return;
      }
      const operation = await this.#engine.begin(context, admission, asked, onceLeft);
      this.operation = operation;
      onceLeft(() => operation.leave());
    } catch (error) {
      // A thrown refusal is an error of the request like any other.
      const refusal = withStatus(error);
      if (!(refusal instanceof GraphQLError)) throw error;
      this.refusal = { errors: [refusal], isThrown: false };
    }
  }

  /** @throws GraphQLError the first error of a refused request */
  throwRefusal(): void {
    if (this.refusal === null) return;
    this.refusal.isThrown = true;
    throw this.refusal.errors[0];
  }
}
