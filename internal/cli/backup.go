package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"os"
	"path/filepath"
	"strings"
	"text/tabwriter"
	"time"

	"github.com/sliproad/sliproad/internal/store"
)

type backupCommand struct {
	File          string `arg:"" help:"The file to make."`
	Force         bool   `help:"Replace the file if it is there."`
	JSON          bool   `name:"json" help:"Print one line of JSON: file, bytes, schemaVersion, rows by table, seconds."`
	databaseFlags `embed:""`
}

// errUsePostgresTools is the answer of backup and restore to a database that isn't SQLite's.
var errUsePostgresTools = errors.New("backup and restore are for SQLite; PostgreSQL has better tools of its own, such as pg_basebackup, pgBackRest and pg_dump: see \"Backup and restore\" in docs/operating.md")

// sqlitePath is the file of an SQLite database's setting.
func sqlitePath(url string) (string, error) {
	if strings.HasPrefix(url, "postgres:") || strings.HasPrefix(url, "postgresql:") {
		return "", errUsePostgresTools
	}
	path, err := store.ParseURL(url)
	if err != nil {
		return "", fmt.Errorf("database: %w", err)
	}
	return path, nil
}

func (c *backupCommand) Run(ctx context.Context, s streams) error {
	url, err := c.url()
	if err != nil {
		return err
	}
	from, err := sqlitePath(url)
	if err != nil {
		return err
	}
	if err := c.checkFile(from); err != nil {
		return err
	}
	partial := c.File + ".partial"
	unlock, err := claim(partial, "another backup to %s is under way; wait for it, or name another file", c.File)
	if err != nil {
		return err
	}
	defer func() { _ = unlock() }() // nothing was written by way of it
	start := time.Now()
	held, err := copyWithProgress(ctx, s, from, partial)
	if err == nil {
		err = c.publish(partial)
	}
	if err != nil {
		return errors.Join(err, discard(partial))
	}
	return c.tell(s, held, time.Since(start))
}

// claim locks the file for this process; the message is for when another has it.
func claim(path, message string, args ...any) (unlock func() error, err error) {
	unlock, err = lockFile(path)
	var file *fs.PathError
	if err == nil || errors.As(err, &file) {
		return unlock, err
	}
	return nil, fmt.Errorf(message, args...)
}

// discard removes a file, if it is there.
func discard(path string) error {
	if err := os.Remove(path); !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return nil
}

// checkFile refuses a file that must not be replaced.
func (c *backupCommand) checkFile(database string) error {
	info, err := os.Stat(c.File)
	if errors.Is(err, os.ErrNotExist) {
		return nil
	}
	if err != nil {
		return err
	}
	if source, err := os.Stat(database); err == nil && os.SameFile(info, source) {
		return fmt.Errorf("%s is the database itself; name another file", c.File)
	}
	if !info.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file; name one to make, such as %s", c.File, filepath.Join(c.File, devDatabase))
	}
	if !c.Force {
		return fmt.Errorf("%s is there already; name another file, or replace it with --force", c.File)
	}
	return nil
}

// publish looks again: a long copy gives time to make the file.
func (c *backupCommand) publish(partial string) error {
	if _, err := os.Lstat(c.File); err == nil && !c.Force {
		return fmt.Errorf("%s was made meanwhile; name another file, or replace it with --force", c.File)
	}
	return store.Publish(partial, c.File)
}

// copied is what backup and restore print as JSON.
type copied struct {
	File          string           `json:"file"`
	Bytes         int64            `json:"bytes"`
	SchemaVersion int64            `json:"schemaVersion"`
	Rows          map[string]int64 `json:"rows"`
	Seconds       json.Number      `json:"seconds"`
	KeptAs        string           `json:"keptAs,omitempty"`
}

func newCopied(file string, held *store.Contents, took time.Duration) copied {
	c := copied{file, held.Bytes, held.Schema, map[string]int64{}, json.Number(fmt.Sprintf("%.3f", took.Seconds())), ""}
	for _, r := range held.Rows {
		c.Rows[r.Table] = r.Rows
	}
	return c
}

func (c *backupCommand) tell(s streams, held *store.Contents, took time.Duration) error {
	if c.JSON {
		return json.NewEncoder(s.out).Encode(newCopied(c.File, held, took))
	}
	if err := printRows(s.out, held); err != nil {
		return err
	}
	_, err := fmt.Fprintf(s.out, "%s: %s, schema version %d, checked, in %v\n", c.File, mebibytes(held.Bytes), held.Schema, took.Round(time.Millisecond))
	return err
}

func printRows(out io.Writer, held *store.Contents) error {
	w := tabwriter.NewWriter(out, 0, 0, 2, ' ', 0)
	_, _ = fmt.Fprintln(w, "TABLE\tROWS")
	for _, r := range held.Rows {
		_, _ = fmt.Fprintf(w, "%s\t%d\n", r.Table, r.Rows)
	}
	return w.Flush()
}

func mebibytes(n int64) string { return fmt.Sprintf("%.1f MiB", float64(n)/(1<<20)) }

// copyWithProgress copies and checks a database.
func copyWithProgress(ctx context.Context, s streams, from, to string) (*store.Contents, error) {
	m := newMeter(s.err, mebibytes)
	defer m.clear()
	return store.Copy(ctx, from, to, func(done, total int64) {
		phase := "copying"
		if done == total {
			phase = "checking"
		}
		m.show(phase, "", done, total)
	})
}
