# The gateway as a small image: built in one stage, run in another without compilers, npm or sources.
FROM node:22-bookworm-slim AS build
WORKDIR /app
COPY package.json package-lock.json ./
# The lock file names these workspaces.
COPY packages/client/package.json ./packages/client/
COPY examples/node/package.json ./examples/node/
COPY examples/react-vite/package.json ./examples/react-vite/
RUN npm ci --ignore-scripts
COPY tsconfig.json ./
COPY scripts ./scripts
COPY src ./src
# The studio is built with it.
COPY packages/client/src ./packages/client/src
# npm installs libsql's binaries for both C libraries; the image below has glibc.
RUN node scripts/build.mjs && rm -rf node_modules/@libsql/*-musl

FROM node:22-bookworm-slim
ENV NODE_ENV=production HOST=0.0.0.0 PORT=4000 DATABASE_URL=sqlite:/data/gateway.db ARCHIVE_DIR=/data/archive
WORKDIR /app
# Also the archive's folder: a volume that is mounted there takes its owner from here.
RUN mkdir -p /data/archive && chown -R node:node /data
COPY --from=build /app/package.json ./
# What the bundle leaves out, with what it needs.
COPY --from=build /app/node_modules/libsql ./node_modules/libsql
COPY --from=build /app/node_modules/@libsql ./node_modules/@libsql
COPY --from=build /app/node_modules/@neon-rs ./node_modules/@neon-rs
COPY --from=build /app/node_modules/detect-libc ./node_modules/detect-libc
COPY --from=build /app/node_modules/sharp ./node_modules/sharp
COPY --from=build /app/node_modules/@img ./node_modules/@img
COPY --from=build /app/node_modules/semver ./node_modules/semver
COPY --from=build /app/dist ./dist
USER node
VOLUME /data
EXPOSE 4000
# Only /data is written to: the rest of the file system may be read-only.
# Nothing listens until the tables are up to date, which may take its time.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30m \
  CMD ["node", "-e", "fetch(`http://127.0.0.1:${process.env.PORT}/readyz`).then((r) => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Node as the first process: SIGTERM reaches it, and it drains.
CMD ["node", "--enable-source-maps", "dist/index.js"]
