# Caddy with layer_gateway from this checkout:
#
#	docker build -t layer_gateway .
#	docker run -p 3001:3001 layer_gateway
FROM caddy:2.11.9-builder AS builder
COPY . /src
# With a version, even one that means nothing, no published version is looked for.
RUN xcaddy build --with github.com/layergateway/layergateway@v0.0.0=/src

FROM caddy:2.11.9
COPY --from=builder /usr/bin/caddy /usr/bin/caddy
# The example, which answers without any provider's key. Mount your own in its place.
COPY Caddyfile.example /etc/caddy/Caddyfile
EXPOSE 3001
