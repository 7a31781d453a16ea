package sliproadtest

import (
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
)

var builds sync.Map // build tags → func() (string, error)

// Build compiles the command, with the build tags if any, and returns the binary's path. It does so once in a test process.
func Build(tb testing.TB, tags ...string) string {
	tb.Helper()
	tag := strings.Join(tags, ",")
	once, _ := builds.LoadOrStore(tag, sync.OnceValues(func() (string, error) { return build(tag) }))
	path, err := once.(func() (string, error))()
	if err != nil {
		tb.Fatal(err)
	}
	return path
}

// build compiles beside the final name and renames, so that no test of another process runs half a file. It begins with the
// binary of an earlier build, which is not linked again if it is up to date.
func build(tag string) (string, error) {
	root, err := moduleRoot()
	if err != nil {
		return "", err
	}
	if err := dependOnSource(root); err != nil {
		return "", err
	}
	final := filepath.Join(root, "tmp", "sliproadtest", "sliproad")
	if tag != "" {
		final += "-" + strings.ReplaceAll(tag, ",", "-")
	}
	fresh := fmt.Sprintf("%s.%d", final, os.Getpid())
	if err := copyFile(fresh, final); err != nil {
		return "", err
	}
	cmd := exec.Command("go", "build", "-tags", tag, "-o", fresh, "./cmd/sliproad")
	cmd.Dir = root
	if out, err := cmd.CombinedOutput(); err != nil {
		return "", fmt.Errorf("go build ./cmd/sliproad: %w\n%s", err, out)
	}
	return final, os.Rename(fresh, final)
}

// copyFile copies a program, if it is there.
func copyFile(to, from string) error {
	in, err := os.Open(from)
	if errors.Is(err, fs.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	out, err := os.OpenFile(to, os.O_CREATE|os.O_TRUNC|os.O_WRONLY, 0o755)
	if err == nil {
		_, err = io.Copy(out, in)
		err = errors.Join(err, out.Close())
	}
	return errors.Join(err, in.Close())
}

// dependOnSource looks at the source of the command, so that `go test` sees what the test depends on, and doesn't take an
// earlier result for that of a changed server.
func dependOnSource(root string) error {
	for _, name := range []string{"api", "cmd", "internal"} {
		err := filepath.WalkDir(filepath.Join(root, name), func(_ string, _ fs.DirEntry, err error) error { return err })
		if err != nil {
			return err
		}
	}
	_, err := os.Stat(filepath.Join(root, "go.sum"))
	return err
}

// moduleRoot is the nearest directory above the test's that has a go.mod.
func moduleRoot() (string, error) {
	dir, err := os.Getwd()
	if err != nil {
		return "", err
	}
	for {
		if _, err := os.Stat(filepath.Join(dir, "go.mod")); err == nil {
			return dir, nil
		}
		up := filepath.Dir(dir)
		if up == dir {
			return "", errors.New("sliproadtest: no go.mod above the working directory")
		}
		dir = up
	}
}
