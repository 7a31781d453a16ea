package store

import (
	"context"
	"database/sql"
	"embed"
	"errors"
	"fmt"
	"io"
	"io/fs"
	"path"
	"strings"
	"time"

	"github.com/pressly/goose/v3"
	"github.com/pressly/goose/v3/lock"
)

//go:embed migrations/*.sql
var migrationFiles embed.FS

// Migration is one step of the schema.
type Migration struct {
	Version   int64
	Name      string
	AppliedAt time.Time // zero: pending
}

// provider is for one use; alone keeps other nodes from migrating meanwhile, which is a write.
func (db *DB) provider(alone bool) (*goose.Provider, *sql.DB, error) {
	files, err := fs.Sub(migrationFiles, "migrations")
	if err != nil {
		return nil, nil, err
	}
	conn, dialect, err := db.migrator()
	if err != nil {
		return nil, nil, err
	}
	options := []goose.ProviderOption{goose.WithLogger(goose.NopLogger())}
	switch {
	case dialect == goose.DialectSQLite3:
		files = sqliteFiles{files}
	case alone:
		one, err := lock.NewPostgresTableLocker(lock.WithTableLockTimeout(time.Second, 300))
		if err != nil {
			return nil, nil, errors.Join(err, conn.Close())
		}
		options = append(options, goose.WithLocker(one)) // works behind a pooler too
	}
	p, err := goose.NewProvider(dialect, conn, files, options...)
	if err != nil {
		return nil, nil, errors.Join(err, conn.Close())
	}
	return p, conn, nil
}

// sqliteFiles are the migrations without what SQLite does not know, or need: it makes an index at once or not at all, and takes a
// migration whole, so that no column of it is there when it is repeated.
type sqliteFiles struct{ fs.FS }

func (f sqliteFiles) Open(name string) (fs.File, error) {
	file, err := f.FS.Open(name)
	if err != nil || path.Ext(name) != ".sql" {
		return file, err
	}
	text, err := io.ReadAll(file)
	known := strings.NewReplacer("index concurrently ", "index ", "add column if not exists ", "add column ", "-- +goose NO TRANSACTION\n", "")
	return sqliteFile{file, strings.NewReader(known.Replace(string(text)))}, err
}

type sqliteFile struct {
	fs.File
	text *strings.Reader
}

func (f sqliteFile) Read(p []byte) (int, error) { return f.text.Read(p) }

// Migrate brings the schema up to date and returns the steps taken. It may run beside a server.
func (db *DB) Migrate(ctx context.Context) ([]Migration, error) {
	p, conn, err := db.provider(true)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	results, err := p.Up(ctx)
	if err != nil {
		return nil, fmt.Errorf("migrate: %w", err)
	}
	var done []Migration
	for _, r := range results {
		done = append(done, Migration{Version: r.Source.Version, Name: r.Source.Path})
	}
	return done, nil
}

// Migrations lists the steps this version knows, and when each was taken.
func (db *DB) Migrations(ctx context.Context) ([]Migration, error) {
	p, conn, err := db.provider(false)
	if err != nil {
		return nil, err
	}
	defer func() { _ = conn.Close() }()
	states, err := p.Status(ctx)
	if err != nil {
		return nil, err
	}
	var list []Migration
	for _, s := range states {
		list = append(list, Migration{Version: s.Source.Version, Name: s.Source.Path, AppliedAt: s.AppliedAt})
	}
	return list, nil
}

// CheckSchema is nil where this version of the program can run on the schema: it is the one it knows, or one step
// newer, which is additive; and the database is not half a copy of another: see Transfer.
func (db *DB) CheckSchema(ctx context.Context) error {
	p, conn, err := db.provider(false)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	current, err := p.GetDBVersion(ctx)
	if err != nil {
		return fmt.Errorf("schema: %w", err)
	}
	sources := p.ListSources()
	newest := sources[len(sources)-1].Version
	switch {
	case current < newest:
		return fmt.Errorf("schema: the database is at version %d, this sliproad needs %d; run: sliproad migrate up", current, newest)
	case current > newest+1:
		return fmt.Errorf("schema: the database is at version %d, this sliproad knows %d; install a newer sliproad", current, newest)
	}
	half, err := db.hasTable(ctx, conn, "copy_progress")
	if err == nil && half {
		err = fmt.Errorf("the database can't be used: %w; run the same sliproad copy again", ErrUnfinished)
	}
	return err
}
