package ledger

import (
	"errors"
	"syscall"
	"time"
)

// lockFile is a file that one process holds. The system lets go of it when that
// process is dead, however it died.
type lockFile struct{ h syscall.Handle }

// errLocked says that somebody else holds a lock.
var errLocked = errors.New("locked by another process")

// errSharing is ERROR_SHARING_VIOLATION.
const errSharing = syscall.Errno(32)

// lock takes the lock of a path, and waits for it if asked to. It is held by
// opening the file for oneself alone.
func lock(path string, wait bool) (*lockFile, error) {
	name, err := syscall.UTF16PtrFromString(path)
	if err != nil {
		return nil, err
	}
	for {
		h, err := syscall.CreateFile(name, syscall.GENERIC_READ|syscall.GENERIC_WRITE, 0, nil,
			syscall.OPEN_ALWAYS, syscall.FILE_ATTRIBUTE_NORMAL, 0)
		switch {
		case err == nil:
			return &lockFile{h}, nil
		case !errors.Is(err, errSharing):
			return nil, err
		case !wait:
			return nil, errLocked
		}
		time.Sleep(10 * time.Millisecond)
	}
}

func (l *lockFile) unlock() { _ = syscall.CloseHandle(l.h) }
