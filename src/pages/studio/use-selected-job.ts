import { useCallback, useSyncExternalStore } from 'react';

const PREFIX = '#job=';

/** The job that the page shows: it is in the address, so that reloading, going back and sharing work. */
export function useSelectedJob(): readonly [id: string | null, select: (id: string | null) => void] {
  const id = useSyncExternalStore(subscribe, current);
  const select = useCallback((next: string | null) => {
    if (next === current()) return;
    const address = next === null ? location.pathname + location.search : PREFIX + next;
    // Going back leads from job to job: an empty panel is nowhere to go back to.
    if (current() === null) history.replaceState(null, '', address);
    else history.pushState(null, '', address);
    window.dispatchEvent(new HashChangeEvent('hashchange'));
  }, []);
  return [id, select];
}

function current(): string | null {
  const { hash } = location;
  return hash.startsWith(PREFIX) ? hash.slice(PREFIX.length) : null;
}

function subscribe(listener: () => void): () => void {
  // Going back to an entry of pushState is no hashchange in every browser.
  const events = ['hashchange', 'popstate'];
  for (const event of events) window.addEventListener(event, listener);
  return () => {
    for (const event of events) window.removeEventListener(event, listener);
  };
}
