import type { Attack } from '../attack.js';
import { OPEN } from '../callers.js';

/** Requests that a page of another site can make a browser send without a preflight. */
const PAGES: Readonly<Record<string, Readonly<Record<string, string>>>> = {
  'an image': { accept: 'image/avif,image/webp,*/*;q=0.8', 'sec-fetch-mode': 'no-cors' },
  'a script': { accept: '*/*', 'sec-fetch-mode': 'no-cors' },
  'a fetch for an event stream': { accept: 'text/event-stream', 'sec-fetch-mode': 'no-cors' },
  'a fetch for JSON': { accept: 'application/json', 'sec-fetch-mode': 'no-cors' },
  'an EventSource': {
    accept: 'text/event-stream',
    'sec-fetch-mode': 'cors',
    origin: 'https://evil.example',
  },
};

export const crossSiteGets: Attack = {
  name: 'cross-site-gets',
  shows: "another site's page runs no query on an open gateway, at neither address",
  settings: () => OPEN,
  run: async (target) => {
    const leaks: string[] = [];
    for (const [page, headers] of Object.entries(PAGES)) {
      for (const path of ['/graphql', '/graphql/stream']) {
        const search = `?query=${encodeURIComponent('{ jobs { edges { node { id } } } }')}`;
        const crossSite = { ...headers, 'sec-fetch-site': 'cross-site' };
        const { text } = await target.send(path + search, crossSite, null);
        if (text.includes('"edges"')) leaks.push(`${page} reads ${path}`);
      }
    }
    return leaks;
  },
};
