# The base images can come from any registry: docker build --build-arg BUILD_IMAGE=... --build-arg RUN_IMAGE=...
# Both are Debian of the same version, so that the program finds the libraries it was linked with.
ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG RUN_IMAGE=docker.io/library/debian:bookworm-slim
# Only for the target "tools": the Postgres that is used, of this version of Debian or a later one.
ARG POSTGRES_IMAGE=docker.io/library/postgres:17

FROM ${BUILD_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY migrations migrations
COPY src src
COPY tests/it tests/it
# libpq of the system, which can speak TLS to Postgres. What is compiled is kept for the next build.
RUN --mount=type=cache,target=/usr/local/cargo/registry,sharing=locked \
    --mount=type=cache,target=/source/target,sharing=locked \
    cargo build --release --locked --bin provisor --no-default-features --features system-libpq \
    && strip -o /usr/local/bin/provisor target/release/provisor

# Collects what the program needs at run time: its libraries, the certificate authorities, and nothing else.
FROM ${RUN_IMAGE} AS collect
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq5 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -m 0700 /keys
COPY --from=build /usr/local/bin/provisor /usr/local/bin/provisor
COPY scripts/image-root /usr/local/bin/image-root
RUN image-root /usr/local/bin/provisor /root-of-image

# docker build --target tools: the program beside pg_dump and pg_restore of the same Postgres as the server's, for copies of the database.
FROM ${POSTGRES_IMAGE} AS tools
RUN install -d -o 65532 -g 65532 -m 0700 /keys /backups
COPY --from=build /usr/local/bin/provisor /usr/local/bin/provisor
USER 65532:65532
ENV PROVISOR_MASTER_KEY_FILE=/keys/master.key
ENTRYPOINT ["provisor"]

# What a build makes where it names no target: the server.
FROM scratch
COPY --from=collect /root-of-image /
COPY --from=collect --chown=65532:65532 /keys /keys
COPY templates /usr/local/share/provisor/templates
COPY static /usr/local/share/provisor/static
LABEL org.opencontainers.image.title="provisor" \
      org.opencontainers.image.description="A SCIM 2.0 server: Okta and Entra ID provision people into your product." \
      org.opencontainers.image.licenses="Apache-2.0"
USER 65532:65532
ENV PATH=/usr/local/bin \
    PROVISOR_LISTEN=0.0.0.0:8080 \
    PROVISOR_MASTER_KEY_FILE=/keys/master.key
VOLUME /keys
EXPOSE 8080
STOPSIGNAL SIGTERM
HEALTHCHECK --interval=10s --timeout=4s --start-period=30s --retries=3 CMD ["provisor", "healthcheck"]
ENTRYPOINT ["provisor"]
