import { defineConfig } from 'vite';

// The gateway of `npm start`. Through this proxy the page needs no CORS for GraphQL; uploads and results have their own.
const gateway = process.env['GATEWAY_URL'] ?? 'http://127.0.0.1:4000';

export default defineConfig({
  server: { proxy: { '/graphql': { target: gateway, ws: true } } },
  build: { rollupOptions: { input: ['index.html', 'fifteen-lines.html'] } },
});
