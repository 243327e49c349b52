# Build stage: needs a compiler for the native SQLite module.
FROM node:20-bookworm-slim AS build
RUN apt-get update && apt-get install -y --no-install-recommends python3 make g++ && rm -rf /var/lib/apt/lists/*
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts && npm rebuild better-sqlite3
COPY tsconfig.json tsconfig.build.json ./
COPY evaluators evaluators
COPY models models
COPY registry registry
COPY server server
COPY scripts/build.ts scripts/build.ts
COPY scripts/support/join-packages.ts scripts/support/join-packages.ts
RUN npm run build && npm prune --omit=dev --ignore-scripts

# Run stage: no compiler, no sources, not root; only /data and /tmp are written to.
FROM node:20-bookworm-slim
ENV NODE_ENV=production GAUNTLET_DATA_DIR=/data GAUNTLET_HOST=0.0.0.0 GAUNTLET_PORT=8080
WORKDIR /app
COPY --from=build /app/package.json ./
COPY --from=build /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY LICENSE README.md ./
RUN mkdir /data && chown node:node /data
USER node
VOLUME /data
EXPOSE 8080
HEALTHCHECK --interval=10s --timeout=3s --start-period=60s \
  CMD ["node", "-e", "fetch('http://127.0.0.1:' + process.env.GAUNTLET_PORT + '/livez').then(r => process.exit(r.ok ? 0 : 1), () => process.exit(1))"]
# Run with: docker run --read-only --tmpfs /tmp -v gauntlet:/data -p 8080:8080 IMAGE
ENTRYPOINT ["node", "dist/server/main.js"]
CMD ["serve"]
