//go:build !windows

package ledger

import (
	"errors"
	"os"
	"syscall"
)

// lockFile is a file that one process holds. The system lets go of it when that
// process is dead, however it died.
type lockFile struct{ f *os.File }

// errLocked says that somebody else holds a lock.
var errLocked = errors.New("locked by another process")

// lock takes the lock of a path, and waits for it if asked to.
func lock(path string, wait bool) (*lockFile, error) {
	f, err := os.OpenFile(path, os.O_RDWR|os.O_CREATE, 0o600)
	if err != nil {
		return nil, err
	}
	how := syscall.LOCK_EX
	if !wait {
		how |= syscall.LOCK_NB
	}
	for {
		err = syscall.Flock(int(f.Fd()), how)
		if !errors.Is(err, syscall.EINTR) {
			break
		}
	}
	if err != nil {
		_ = f.Close()
		if errors.Is(err, syscall.EWOULDBLOCK) {
			return nil, errLocked
		}
		return nil, err
	}
	return &lockFile{f}, nil
}

func (l *lockFile) unlock() { _ = l.f.Close() }
