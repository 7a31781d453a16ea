package cli

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"os"
	"path/filepath"
	"time"

	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/store"
	"github.com/sliproad/sliproad/internal/vault"
)

type restoreCommand struct {
	File          string `arg:"" help:"The backup."`
	Force         bool   `help:"Replace the database that is there; it is kept beside, as NAME.before-restore-TIME."`
	JSON          bool   `name:"json" help:"Print one line of JSON: file, bytes, schemaVersion, rows by table, seconds, keptAs."`
	MasterKey     string `env:"SLIPROAD_MASTER_KEY" placeholder:"KEY,…" help:"The master keys, to check that they are the backup's. Better by the environment than by the flag."`
	MasterKeyFile string `env:"SLIPROAD_MASTER_KEY_FILE" placeholder:"FILE" help:"A file that holds the master keys."`
	databaseFlags `embed:""`
}

func (c *restoreCommand) Run(ctx context.Context, s streams) error {
	path, err := c.target()
	if err != nil {
		return err
	}
	ring, err := findRing(c.MasterKey, c.MasterKeyFile, c.databaseFlags)
	if err != nil {
		return err
	}
	if err := c.checkFile(path); err != nil {
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	// Locked as by a server, until the end, so that none starts meanwhile.
	unlock, err := claim(path+".lock", "a server runs on %s; stop it first", path)
	if err != nil {
		return err
	}
	defer func() { _ = unlock() }()
	if file, err := filepath.EvalSymlinks(path); err == nil { // the log is beside what a link leads to
		path = file
	}
	aside, err := c.aside(path)
	if err != nil {
		return err
	}
	partial := path + ".restore-partial"
	start := time.Now()
	held, err := copyWithProgress(ctx, s, c.File, partial)
	if err == nil {
		err = checkKeys(ring, held)
	}
	if err == nil {
		err = store.Replace(ctx, partial, path, aside)
	}
	if errors.Is(err, store.ErrInUse) {
		err = fmt.Errorf("%s: %w, such as a shell of sqlite3 or a backup: end it and try again", path, err)
	}
	if err != nil {
		return fmt.Errorf("nothing was restored: %w", errors.Join(err, discard(partial)))
	}
	return c.tell(s, path, aside, ring != nil, held, time.Since(start))
}

// target is the database's file, which need not be there; nor need a development server's, but its directory must.
func (c *restoreCommand) target() (string, error) {
	if c.DatabaseURL != "" {
		return sqlitePath(c.DatabaseURL)
	}
	if _, err := os.Stat(c.Data); err != nil {
		_, err := c.url() // says what to set
		return "", err
	}
	return filepath.Join(c.Data, devDatabase), nil
}

// findRing is the master keys if they are given, or known as a development server's; else nil.
func findRing(keys, file string, database databaseFlags) (*vault.Ring, error) {
	name := "--master-key (SLIPROAD_MASTER_KEY)"
	switch {
	case file != "" && keys != "":
		return nil, errors.New("SLIPROAD_MASTER_KEY and SLIPROAD_MASTER_KEY_FILE are both given; give one")
	case file != "":
		text, err := os.ReadFile(file)
		if err != nil {
			return nil, fmt.Errorf("--master-key-file (SLIPROAD_MASTER_KEY_FILE): %w", err)
		}
		keys = string(text)
	case keys == "" && database.DatabaseURL == "":
		dev, err := readDevFileIfThere(database.Data)
		if err != nil && !errors.Is(err, os.ErrNotExist) {
			return nil, err
		}
		keys, name = dev.MasterKey, filepath.Join(database.Data, devKeys)
	}
	if keys == "" {
		return nil, nil
	}
	ring, err := vault.Parse(keys)
	if err != nil {
		return nil, fmt.Errorf("%s: %w", name, err)
	}
	return ring, nil
}

// checkFile refuses to restore a database from itself.
func (c *restoreCommand) checkFile(path string) error {
	backup, err := os.Stat(c.File)
	if err != nil {
		return err
	}
	if !backup.Mode().IsRegular() {
		return fmt.Errorf("%s is not a file; name a backup that sliproad backup has made", c.File)
	}
	if database, err := os.Stat(path); err == nil && os.SameFile(backup, database) {
		return fmt.Errorf("%s is the database itself; name a backup", c.File)
	}
	return nil
}

// aside is the name under which a database that is there is kept, and empty if there is none.
func (c *restoreCommand) aside(path string) (string, error) {
	occupied, err := store.Occupied(path)
	switch {
	case err != nil || !occupied:
		return "", err
	case !c.Force:
		return "", fmt.Errorf("%s is there already; with --force it is replaced, and kept beside", path)
	}
	return path + ".before-restore-" + time.Now().UTC().Format("20060102T150405Z"), nil
}

func checkKeys(ring *vault.Ring, held *store.Contents) error {
	if ring == nil || held.MasterKeyCheck == nil || app.OpensMasterKeyCheck(ring, held.MasterKeyCheck) {
		return nil
	}
	return errors.New("the master keys are not those of this backup: give the keys that the server had when it was made, or none to restore without this check")
}

func (c *restoreCommand) tell(s streams, path, aside string, keys bool, held *store.Contents, took time.Duration) error {
	if c.JSON {
		done := newCopied(path, held, took)
		done.KeptAs = aside
		return json.NewEncoder(s.out).Encode(done)
	}
	if err := printRows(s.out, held); err != nil {
		return err
	}
	_, _ = fmt.Fprintf(s.out, "%s: %s, schema version %d, checked, restored in %v\n", path, mebibytes(held.Bytes), held.Schema, took.Round(time.Millisecond))
	if aside != "" {
		_, _ = fmt.Fprintf(s.out, "the database that was there is %s\n", aside)
	}
	_, _ = fmt.Fprintln(s.out, "\nBefore you start the server:")
	newest, err := store.NewestSchema()
	if err != nil {
		return err
	}
	if held.Schema < newest {
		_, _ = fmt.Fprintf(s.out, "- The schema is older than this sliproad's (%d). Run: sliproad migrate up\n", newest)
	}
	switch {
	case held.MasterKeyCheck == nil:
		_, _ = fmt.Fprintln(s.out, "- No server had run on the database when it was copied: any master keys will do.")
	case keys:
		_, _ = fmt.Fprintln(s.out, "- The master keys are those of the backup: keep them.")
	default:
		_, _ = fmt.Fprintln(s.out, "- The server needs the master keys that it had when the backup was made. None were given, so none were checked.")
	}
	_, err = fmt.Fprintln(s.out, "- What happened since the backup is unknown to it, payments included: see \"Backup and restore\" in docs/operating.md.")
	return err
}
