# The command alone: docker run --rm -v /models:/models:ro -v /out:/out nemotron steps run convert/hf_to_megatron …
FROM node:20-bookworm AS build
COPY --from=rust:1.95-bookworm /usr/local/rustup /usr/local/rustup
COPY --from=rust:1.95-bookworm /usr/local/cargo /usr/local/cargo
ENV PATH=/usr/local/cargo/bin:$PATH RUSTUP_HOME=/usr/local/rustup CARGO_HOME=/usr/local/cargo TURBO_TELEMETRY_DISABLED=1
WORKDIR /src
COPY . .
RUN npm ci && node scripts/pack.js /packages \
  && mkdir /app && cd /app && npm init -y >/dev/null && npm install --no-audit --no-fund /packages/*.tgz

FROM node:20-bookworm-slim
COPY --from=build /app /app
USER node
ENTRYPOINT ["node", "/app/node_modules/nemotron-convert/bin/nemotron.js"]
CMD ["--help"]
