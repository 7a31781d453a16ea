//go:build !unix

package cli

import "os"

// lockFile keeps the file open; this system has no lock that goes with the process, so the operator sees to it that an
// SQLite database has one server.
func lockFile(path string) (unlock func() error, err error) {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return nil, err
	}
	return f.Close, nil
}
