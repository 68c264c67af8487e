/** `GET /studio`: swap faces in a browser, without code. */
import type { Page } from './pages.js';

export interface StudioOptions {
  /** Whether callers have to prove who they are. */
  readonly signIn: boolean;
  /** Whether results are simulated. */
  readonly isSandbox: boolean;
  /** Pictures to try it with, as URLs; null with the real Akool. */
  readonly samples: { readonly source: string; readonly target: string } | null;
  /** Whether pages of this machine may call, whatever `CORS_ORIGINS` says. */
  readonly opensToThisMachine: boolean;
  /** False where only trusted documents run. */
  readonly takesAnyDocument: boolean;
  readonly maxImageBytes: number;
  readonly maxVideoBytes: number;
  /** Where uploads go and results lie: it may be another origin than the page's. */
  readonly mediaOrigin: string;
}

export function studioPage({ mediaOrigin, ...config }: StudioOptions): Page {
  return {
    name: 'studio',
    setting: 'STUDIO',
    config,
    policy: {
      'connect-src': `'self' ${mediaOrigin}`,
      // Previews of files; pictures at addresses that are typed in; results of Akool.
      'img-src': "'self' data: blob: http: https:",
      'media-src': "'self' blob: http: https:",
    },
  };
}
