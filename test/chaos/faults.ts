/**
 * Everything that goes wrong at Akool during a chaos run.
 *
 * The callback fault `wrong-id` is omitted on purpose. It is correctly signed, so a job that does not know
 * its `_id` yet (because its submit was cut off) accepts the one in the callback: this is how it finds its
 * job again.
 */
import type { FaultPlan } from '../../src/sandbox/sandbox.js';

export const FAULTS: FaultPlan = {
  rates: {
    submit: {
      latency: 0.03,
      'timeout-before-accept': 0.015,
      'timeout-after-accept': 0.025,
      'reset-before-accept': 0.02,
      'reset-after-accept': 0.03,
      '500-before-accept': 0.015,
      '500-after-accept': 0.025,
      '500-json': 0.01,
      'garbage-after-accept': 0.02,
      'too-frequent': 0.02,
      'too-many-requests': 0.005,
      'no-credit': 0.01,
      refuse: 0.01,
      stall: 0.01,
      'generation-fails': 0.03,
    },
    webhook: { drop: 0.15, double: 0.1, reorder: 0.1, late: 0.1, forged: 0.1, unreadable: 0.1 },
    results: {
      latency: 0.05,
      timeout: 0.03,
      reset: 0.05,
      error: 0.05,
      garbage: 0.05,
      'too-many-requests': 0.02,
      refuse: 0.02,
    },
    detect: { latency: 0.05, timeout: 0.03, reset: 0.05, error: 0.03, garbage: 0.03, refuse: 0.05 },
    media: { latency: 0.05, reset: 0.05, error: 0.05, garbage: 0.03, refuse: 0.03 },
  },
  // Longer than AKOOL_TIMEOUT_MS: a submit may be accepted after the gateway has given up on it.
  defaults: { ms: 1200 },
};
