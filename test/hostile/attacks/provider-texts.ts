import type { Attack } from '../attack.js';
import { HOSTILE_TEXTS } from '../provider.js';
import { submitOf } from '../requests.js';

export const providerTexts: Attack = {
  name: 'provider-texts',
  shows: "a text of Akool's is cut before any pattern is run over it",
  run: async (target) => {
    for (const text of Object.keys(HOSTILE_TEXTS)) {
      await target.ask(submitOf(`/hostile-text/${text}.jpg`));
    }
    return [];
  },
};
