import { expect, it } from 'vitest';
import { USER_MESSAGES } from '../../../src/services/jobs/job-error.js';

it.each(Object.entries(USER_MESSAGES))(
  'what users are told of %s is fit for them',
  (_code, { userMessage }) => {
    expect(userMessage).toMatch(/^[A-Z].{20,120}\.$/);
    // Neither who does the work, nor what only an operator can do.
    expect(userMessage).not.toMatch(/akool|provider|gateway|operator|account|credit|key|sandbox|\d{4}/i);
  },
);
