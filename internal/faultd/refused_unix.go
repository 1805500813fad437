//go:build unix

package faultd

import (
	"fmt"
	"syscall"
)

// Refused gives an address, 127.0.0.1:port, where connections are refused until release: the port is taken, and nobody
// listens.
func Refused() (addr string, release func(), err error) {
	fd, err := syscall.Socket(syscall.AF_INET, syscall.SOCK_STREAM, 0)
	if err != nil {
		return "", nil, fmt.Errorf("make a socket: %w", err)
	}
	release = func() { _ = syscall.Close(fd) }
	if err := syscall.Bind(fd, &syscall.SockaddrInet4{Addr: [4]byte{127, 0, 0, 1}}); err != nil {
		release()
		return "", nil, fmt.Errorf("bind a socket: %w", err)
	}
	name, err := syscall.Getsockname(fd)
	if err != nil {
		release()
		return "", nil, fmt.Errorf("ask for a socket's port: %w", err)
	}
	at, ok := name.(*syscall.SockaddrInet4)
	if !ok {
		release()
		return "", nil, fmt.Errorf("the socket has an address of type %T", name)
	}
	return fmt.Sprintf("127.0.0.1:%d", at.Port), release, nil
}
