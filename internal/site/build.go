package site

import (
	"context"
	"fmt"
	"net"
	"os"
	"os/exec"
	"path/filepath"
	"sync"
)

const command = "github.com/layergateway/layergateway/cmd/caddy"

// program is the gateway's program, built once. Its file is removed as soon as it is open, so that nothing is left
// over however the test process ends.
var program = sync.OnceValues(func() (*os.File, error) {
	dir, err := os.MkdirTemp("", "gw")
	if err != nil {
		return nil, fmt.Errorf("a folder to build in: %w", err)
	}
	defer os.RemoveAll(dir)
	path := filepath.Join(dir, "caddy")
	args := []string{"build", "-buildvcs=false", "-o", path}
	if Raced {
		args = append(args, "-race")
	}
	out, err := exec.CommandContext(context.Background(), "go", append(args, command)...).CombinedOutput()
	if err != nil {
		return nil, fmt.Errorf("build %s: %w\n%s", command, err, out)
	}
	return os.Open(path)
})

// host is this test process's own loopback address. Caddy's listeners share ports, even with those of another process
// and without an error; with an address for each process they can't.
var host = func() string {
	pid := os.Getpid()
	return net.IPv4(127, byte(1+pid>>16&0x7f), byte(pid>>8), byte(pid)).String()
}()

// FreePort is an address, with the port, at which a site of this process can listen, such as 127.1.2.3:4567.
func FreePort() (addr string, err error) {
	ln, err := new(net.ListenConfig).Listen(context.Background(), "tcp", net.JoinHostPort(host, "0"))
	if err != nil {
		return "", fmt.Errorf("find a free port: %w", err)
	}
	return ln.Addr().String(), ln.Close()
}
