const NAMES = ['editor', 'json', 'graphql'] as const;
type Name = (typeof NAMES)[number];

/**
 * Tells Monaco where its workers are: next to this file, where scripts/build.mjs puts them. The first one of each kind is
 * started here, so that none has to be loaded when the gateway is gone; later ones come from the browser's cache.
 */
export function registerMonacoWorkers(): void {
  const started = new Map(NAMES.map((name) => [name, start(name)]));
  const monaco: typeof globalThis & { MonacoEnvironment?: MonacoEnvironment } = globalThis;
  monaco.MonacoEnvironment = {
    getWorker: (_id, label) => {
      const name = label === 'json' || label === 'graphql' ? label : 'editor';
      const first = started.get(name);
      started.delete(name);
      return first ?? start(name);
    },
  };
}

function start(name: Name): Worker {
  return new Worker(new URL(`./${name}.worker.js`, import.meta.url), { type: 'module', name });
}

interface MonacoEnvironment {
  getWorker(id: string, label: string): Worker;
}
