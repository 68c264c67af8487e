/** What a page in Chromium asks for, and complains of. */
import type { Page } from 'playwright-core';

/** What Chromium itself reports about a server that is gone; a page cannot prevent it. */
const NETWORK_REPORT = /^Failed to load resource: net::ERR_|^WebSocket connection to '/;

export interface Watched {
  /** Requests that would leave this machine. */
  readonly outside: string[];
  /** Errors and warnings of the page, in its console or not caught. */
  readonly complaints: string[];
  /** The URLs of its WebSockets. */
  readonly sockets: string[];
}

export function watchPage(page: Page): Watched {
  const watched: Watched = { outside: [], complaints: [], sockets: [] };
  page.on('request', (request) => {
    const { protocol, hostname } = new URL(request.url());
    if (/^(?:http|ws)s?:$/.test(protocol) && hostname !== '127.0.0.1') watched.outside.push(request.url());
  });
  page.on('websocket', (socket) => watched.sockets.push(socket.url()));
  page.on('console', (message) => {
    const isComplaint = message.type() === 'error' || message.type() === 'warning';
    if (isComplaint && !NETWORK_REPORT.test(message.text()))
      watched.complaints.push(message.text().slice(0, 500));
  });
  page.on('pageerror', (error) => watched.complaints.push(String(error)));
  return watched;
}
