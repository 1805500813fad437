#!/usr/bin/env bash
# Installs the official JavaScript clients and runs them through the gateway, and a browser through its dashboard.
# LAYER_GATEWAY_BIN names a gateway that is built already; without it, and for the stand-ins, `go build` makes one.
set -euo pipefail
cd "$(dirname "$0")"

bin=$(mktemp -d)
trap 'rm -rf "$bin"' EXIT
if [ -z "${LAYER_GATEWAY_BIN:-}" ]; then
	(cd .. && go build -o "$bin/gateway" ./cmd/caddy)
	export LAYER_GATEWAY_BIN="$bin/gateway"
fi
(cd .. && go build -o "$bin/upstream" ./internal/upstream/cmd/upstream)
export LAYER_UPSTREAM_BIN="$bin/upstream"

npm ci
node --test
