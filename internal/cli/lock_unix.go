//go:build unix

package cli

import (
	"fmt"
	"os"
	"syscall"
)

// lockFile claims an SQLite database for one server. The lock goes with the process, however it ends.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	if err := syscall.Flock(int(f.Fd()), syscall.LOCK_EX|syscall.LOCK_NB); err != nil {
		_ = f.Close()
		return nil, fmt.Errorf("%s is locked: another sliproad serves this database; an SQLite database takes one server", path)
	}
	return f.Close, nil
}
