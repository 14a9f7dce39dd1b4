# syntax=docker/dockerfile:1
# Weir as an image: `docker build -t weir:0.1.0 .`
# For builds that can be repeated bit for bit, pin the base by digest: --build-arg NODE_IMAGE=node:26-slim@sha256:…
ARG NODE_IMAGE=node:26-slim

# The compiler and its types, and nothing of them in the image that ships.
FROM ${NODE_IMAGE} AS build
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=optional --no-audit --no-fund
COPY tsconfig.json tsconfig.build.json ./
COPY scripts/build.ts scripts/
COPY src src
RUN node scripts/build.ts

# What runs: no dev dependencies, and no second Node (the optional dependencies bring one for checkouts).
FROM ${NODE_IMAGE} AS dependencies
WORKDIR /app
COPY package.json package-lock.json .npmrc ./
RUN npm ci --omit=dev --omit=optional --no-audit --no-fund

FROM ${NODE_IMAGE}
ENV NODE_ENV=production
WORKDIR /app
COPY --from=dependencies /app/node_modules node_modules
COPY --from=build /app/dist dist
COPY package.json LICENSE ./
COPY bin bin
COPY config/weir.schema.json config/
# Everything above belongs to root and is only read. A number, so that Kubernetes can check runAsNonRoot.
USER 65532:65532
EXPOSE 8080 9901 9902
ENTRYPOINT ["node", "/app/bin/weir.cjs"]
CMD ["run", "--config", "/etc/weir/config/weir.yaml"]
