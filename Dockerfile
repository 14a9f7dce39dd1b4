# syntax=docker/dockerfile:1
# Weir as an image: `docker build -t weir:0.1.0 .`
#
# The base is named by its digest, so that every build begins with the same bytes. It gives Debian, the libraries that Node needs, and npm. The
# Node that ships is not the base's, but the one that package-lock.json names with its checksum: the one that everything was tested with.
# Another base has to be named by digest too: --build-arg NODE_IMAGE=node:26-slim@sha256:…
ARG NODE_IMAGE=node:26-slim@sha256:c0753125a3789977aefe869cbebccf70e3cfd7ea84ca48547458f02e4f1d7146

# The compiler and its types, and nothing of them in the image that ships. No package runs a script of its own here or below.
FROM ${NODE_IMAGE} AS build
ARG NODE_IMAGE
RUN case "${NODE_IMAGE}" in \
      *@sha256:*) ;; \
      *) echo "NODE_IMAGE=${NODE_IMAGE} can be anything tomorrow: name it by its digest, as in node:26-slim@sha256:…" >&2; exit 1 ;; \
    esac
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=optional --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY src src
RUN node scripts/build.ts

# What runs: no dev dependencies. The optional ones bring Node, for the platform of the image; it is moved to where it replaces the base's.
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --ignore-scripts --omit=dev --no-audit --no-fund \
    && mv node_modules/node-linux-*/bin/node /node \
    && rm -rf node_modules/node-linux-* node_modules/.bin/node \
    && /node --version

FROM ${NODE_IMAGE}
# Node's threads would have an arena each of the allocator of C, and keep in them what only the start needed: 4 MiB.
ENV NODE_ENV=production MALLOC_ARENA_MAX=2
COPY --from=dependencies /node /usr/local/bin/node
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY bin bin
COPY config/weir.schema.json config/
# Everything above belongs to root and is only read. A number, so that Kubernetes can check runAsNonRoot.
USER 65532:65532
EXPOSE 8080 9901 9902
# For runtimes without probes of their own; Kubernetes has its own and leaves this out. It needs no token.
HEALTHCHECK --interval=10s --timeout=3s --start-period=30s CMD ["node", "/app/bin/healthcheck.cjs"]
ENTRYPOINT ["node", "/app/bin/weir.cjs"]
CMD ["run", "--config", "/etc/weir/config/weir.yaml"]
