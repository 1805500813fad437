// Command caddy is Caddy with the layer_gateway module built in: what
// `xcaddy build --with github.com/layergateway/layergateway` gives.
package main

import (
	caddycmd "github.com/caddyserver/caddy/v2/cmd"
	_ "github.com/caddyserver/caddy/v2/modules/standard"

	_ "github.com/layergateway/layergateway"
)

func main() {
	caddycmd.Main()
}
