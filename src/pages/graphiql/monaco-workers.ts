/** Tells Monaco where its workers are: next to this file, where scripts/build.mjs puts them. */
export function registerMonacoWorkers(): void {
  const monaco: typeof globalThis & { MonacoEnvironment?: MonacoEnvironment } = globalThis;
  monaco.MonacoEnvironment = {
    getWorker: (_id, label) => {
      const name = label === 'json' || label === 'graphql' ? label : 'editor';
      return new Worker(new URL(`./${name}.worker.js`, import.meta.url), { type: 'module', name: label });
    },
  };
}

interface MonacoEnvironment {
  getWorker(id: string, label: string): Worker;
}
