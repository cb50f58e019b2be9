# The base images can come from any registry: docker build --build-arg BUILD_IMAGE=... --build-arg RUN_IMAGE=...
ARG BUILD_IMAGE=docker.io/library/rust:1.95-bookworm
ARG RUN_IMAGE=docker.io/library/debian:bookworm-slim

FROM ${BUILD_IMAGE} AS build
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq-dev pkg-config \
    && rm -rf /var/lib/apt/lists/*
WORKDIR /source
COPY Cargo.toml Cargo.lock ./
COPY benches benches
COPY migrations migrations
COPY src src
COPY tests tests
# libpq of the system, which can speak TLS to Postgres.
RUN cargo build --release --locked --bin provisor --no-default-features --features system-libpq

FROM ${RUN_IMAGE}
RUN apt-get update \
    && apt-get install -y --no-install-recommends libpq5 ca-certificates \
    && rm -rf /var/lib/apt/lists/* \
    && install -d -o 65532 -g 65532 -m 0700 /keys
COPY --from=build /source/target/release/provisor /usr/local/bin/provisor
COPY templates /usr/local/share/provisor/templates
COPY static /usr/local/share/provisor/static
USER 65532:65532
ENV PROVISOR_LISTEN=0.0.0.0:8080 \
    PROVISOR_MASTER_KEY_FILE=/keys/master.key
VOLUME /keys
EXPOSE 8080
ENTRYPOINT ["provisor"]
