package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"io/fs"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"slices"
	"strings"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// Contents tell what a copy of an SQLite database holds.
type Contents struct {
	Bytes          int64
	Schema         int64 // the version of its schema
	Rows           []TableRows
	MasterKeyCheck []byte // see Reader.MasterKeyCheck; nil before a server's first start
}

// TableRows is a table and how many rows it has.
type TableRows struct {
	Table string
	Rows  int64
}

// Progress is told how far a copy is: the bytes done, and all. While the copy is checked, both are the whole.
type Progress func(done, total int64)

// ErrInUse says that another program has the database open.
var ErrInUse = errors.New("another program has the database open")

// Copy makes a copy of the SQLite database at the path from, of one state: that of the last commit when it begins. The
// database may be in use by any program, and is not changed. The copy is one file, readable by its owner alone; Copy
// returns what it holds once it is checked and durable. An error leaves no copy.
//
// It is SQLite's online backup, page by page, within one read transaction of ours. Without that transaction the backup
// begins anew whenever another process writes, and never ends beside a busy server. With it, writers go on, and the log
// (WAL) can't be reused until the end; so it should end soon, and to copy pages takes a fraction of the time of
// VACUUM INTO, which rebuilds every table and index, tells nothing of its progress, and pins the log as well.
func Copy(ctx context.Context, from, to string, progress Progress) (c *Contents, err error) {
	if _, err := os.Stat(from); err != nil { // SQLite says only that it can't open the file
		return nil, err
	}
	if err := emptyFile(to); err != nil {
		return nil, err
	}
	defer func() {
		if err != nil {
			err = errors.Join(err, os.Remove(to), removeBeside(to))
		}
	}()
	if err := copyPages(ctx, from, to, progress); err != nil {
		return nil, fmt.Errorf("%s: %w", from, damaged(err))
	}
	if c, err = check(ctx, to); err != nil {
		return nil, fmt.Errorf("%s: %w", from, err)
	}
	return c, syncFile(to)
}

// emptyFile makes the file empty, readable by its owner alone, and without what a killed process left beside it.
func emptyFile(path string) error {
	f, err := os.OpenFile(path, os.O_CREATE|os.O_WRONLY|os.O_TRUNC, 0o600)
	if err != nil {
		return err
	}
	return errors.Join(f.Chmod(0o600), f.Close(), removeBeside(path))
}

func removeBeside(path string) error {
	for _, suffix := range besides {
		if err := os.Remove(path + suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	return nil
}

// besides are the ends of the names of the files that SQLite has beside a database.
var besides = []string{"-wal", "-shm", "-journal"}

// fileDSN is a connection to the file as it is: the mode is "ro" or "rw", and neither makes one.
func fileDSN(path, mode string, pragmas ...string) string {
	q := url.Values{"mode": {mode}, "_pragma": append([]string{"busy_timeout(5000)"}, pragmas...)}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// pagesAtOnce is 1 MiB of the usual pages: how often progress is told, and a cancelled context seen.
const pagesAtOnce = 256

func copyPages(ctx context.Context, from, to string, progress Progress) error {
	db, err := sql.Open("sqlite", fileDSN(from, "ro"))
	if err != nil {
		return err
	}
	defer func() { _ = db.Close() }() // read-only
	conn, err := db.Conn(ctx)
	if err != nil {
		return err
	}
	defer func() { _ = conn.Close() }()
	if _, err := conn.ExecContext(ctx, "begin"); err != nil {
		return err
	}
	var pageSize int64
	if err := conn.QueryRowContext(ctx, "select page_size from pragma_page_size, sqlite_schema limit 1").Scan(&pageSize); err != nil {
		if errors.Is(err, sql.ErrNoRows) {
			return errNotOurs
		}
		return err
	}
	return conn.Raw(func(driverConn any) error {
		c, ok := driverConn.(interface {
			NewBackup(uri string) (*sqlite.Backup, error)
		})
		if !ok {
			return fmt.Errorf("store: the driver's connection is %T, which has no backup", driverConn)
		}
		// The copy is nothing until it is whole and synced, so it needs no journal and no syncs on its way.
		b, err := c.NewBackup(fileDSN(to, "rw", "journal_mode(OFF)", "synchronous(OFF)"))
		if err != nil {
			return err
		}
		for more := true; more && err == nil; {
			if more, err = b.Step(pagesAtOnce); err == nil {
				total := int64(b.PageCount()) * pageSize
				progress(total-int64(b.Remaining())*pageSize, total)
				err = ctx.Err()
			}
		}
		if finished := b.Finish(); err == nil { // after a failure it tells the same again
			err = finished
		}
		return err
	})
}

var errNotOurs = errors.New("it is not a Sliproad database")

// check reads all of the copy, and makes it one file: the log of a copied database is a mode kept in its header.
func check(ctx context.Context, path string) (*Contents, error) {
	db, err := sql.Open("sqlite", fileDSN(path, "rw", "synchronous(OFF)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	defer func() { _ = db.Close() }()
	var mode, verdict string
	if err := db.QueryRowContext(ctx, "pragma journal_mode = delete").Scan(&mode); err != nil {
		return nil, damaged(err)
	}
	if err := db.QueryRowContext(ctx, "pragma integrity_check(1)").Scan(&verdict); err != nil {
		return nil, damaged(err)
	}
	if verdict != "ok" {
		return nil, fmt.Errorf("it is damaged: %s", strings.ReplaceAll(verdict, "\n", " "))
	}
	c, err := contents(ctx, db)
	if err != nil {
		return nil, err
	}
	if err := db.Close(); err != nil {
		return nil, err
	}
	info, err := os.Stat(path)
	if err != nil {
		return nil, err
	}
	c.Bytes = info.Size()
	return c, nil
}

// damaged says so of what SQLite finds wrong in a file; a full disk is not.
func damaged(err error) error {
	if code := sqliteCode(err); code != sqlite3.SQLITE_CORRUPT && code != sqlite3.SQLITE_NOTADB {
		return err
	}
	return fmt.Errorf("it is damaged: %w", err)
}

// sqliteCode is the primary code of an error of SQLite, and 0 of any other.
func sqliteCode(err error) int {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return 0
	}
	return e.Code() & 0xff
}

// contents reads what the copy holds. It refuses what is not ours, and a schema that this version can't run on; an older
// one is as good as any, because it can be brought up to date.
func contents(ctx context.Context, db *sql.DB) (*Contents, error) {
	c := &Contents{}
	tables, err := tableNames(ctx, db)
	if err != nil {
		return nil, err
	}
	for _, table := range tables {
		row := TableRows{Table: table}
		quoted := `"` + strings.ReplaceAll(table, `"`, `""`) + `"`
		if err := db.QueryRowContext(ctx, "select count(*) from "+quoted).Scan(&row.Rows); err != nil {
			return nil, damaged(err)
		}
		c.Rows = append(c.Rows, row)
	}
	for _, ours := range []string{"goose_db_version", "sessions", "master_key_check"} {
		if !slices.Contains(tables, ours) {
			return nil, errNotOurs
		}
	}
	if err := db.QueryRowContext(ctx, "select coalesce(max(version_id), 0) from goose_db_version").Scan(&c.Schema); err != nil {
		return nil, err
	}
	newest, err := NewestSchema()
	if err != nil {
		return nil, err
	}
	if c.Schema > newest+1 { // one step newer is additive: see CheckSchema
		return nil, fmt.Errorf("its schema has version %d, this sliproad knows %d; install a newer sliproad", c.Schema, newest)
	}
	err = db.QueryRowContext(ctx, "select sealed from master_key_check where id = 1").Scan(&c.MasterKeyCheck)
	if errors.Is(err, sql.ErrNoRows) {
		err = nil
	}
	return c, err
}

func tableNames(ctx context.Context, db *sql.DB) (names []string, err error) {
	rows, err := db.QueryContext(ctx, `select name from sqlite_schema where type = 'table' and name not like 'sqlite\_%' escape '\' order by name`)
	if err != nil {
		return nil, damaged(err)
	}
	defer func() { _ = rows.Close() }()
	for rows.Next() {
		var name string
		if err := rows.Scan(&name); err != nil {
			return nil, err
		}
		names = append(names, name)
	}
	return names, rows.Err()
}

// NewestSchema is the newest version of the schema that this version of the program knows.
func NewestSchema() (newest int64, err error) {
	files, err := fs.ReadDir(migrationFiles, "migrations")
	for _, f := range files {
		version, err := goose.NumericComponent(f.Name())
		if err != nil {
			return 0, err
		}
		newest = max(newest, version)
	}
	return newest, err
}

// Publish gives a whole and synced file its name, in place of one that has it, and returns once that is durable.
func Publish(file, name string) error {
	if err := os.Rename(file, name); err != nil {
		return err
	}
	return syncDir(filepath.Dir(name))
}

func syncFile(path string) error {
	f, err := os.OpenFile(path, os.O_RDWR, 0)
	if err != nil {
		return err
	}
	return errors.Join(f.Sync(), f.Close())
}

func syncDir(path string) error {
	if runtime.GOOS == "windows" { // has no sync of directories
		return nil
	}
	d, err := os.Open(path)
	if err != nil {
		return err
	}
	return errors.Join(d.Sync(), d.Close())
}

// Occupied tells whether there is anything at the database's path that a restore would replace.
func Occupied(path string) (bool, error) {
	for _, suffix := range []string{"", "-wal", "-journal"} {
		info, err := os.Stat(path + suffix)
		switch {
		case errors.Is(err, os.ErrNotExist):
		case err != nil:
			return false, err
		case info.Size() > 0:
			return true, nil
		}
	}
	return false, nil
}

// Replace puts the copy, as Copy made it, in the place of the database at path, which is kept as aside; if aside is empty,
// there must be none.
// No server may run on it. ErrInUse: another program has it open, which would go on writing to what is no longer there,
// and delete the new one's log. There is a database at path at every moment, whenever the machine stops.
func Replace(ctx context.Context, file, path, aside string) error {
	occupied, err := Occupied(path)
	if err != nil {
		return err
	}
	if occupied {
		if aside == "" {
			return fmt.Errorf("%s: %w", path, os.ErrExist)
		}
		if err := settle(ctx, path); err != nil {
			return err
		}
		if err := keepAside(path, aside); err != nil {
			return err
		}
	}
	if err := removeBeside(path); err != nil { // empty, or nothing but an index of the log
		return err
	}
	return Publish(file, path)
}

// settle makes the database one file, which SQLite does only for one who has it to himself. A database so broken that
// SQLite can't read it is left as it is, with its log, of which SQLite would delete what it doesn't understand.
func settle(ctx context.Context, path string) error {
	var tables int
	err := queryFile(ctx, path, "ro", "select count(*) from sqlite_schema", &tables)
	if err == nil {
		var mode string
		if err = queryFile(ctx, path, "rw", "pragma journal_mode = delete", &mode); err == nil && mode != "delete" {
			return ErrInUse
		}
	}
	switch code := sqliteCode(err); code {
	case 0:
		return err
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED:
		return ErrInUse
	case sqlite3.SQLITE_CORRUPT, sqlite3.SQLITE_NOTADB, sqlite3.SQLITE_CANTOPEN: // the last: there is but a log
		return nil
	default:
		return err
	}
}

// queryFile asks the file for one value, by a connection of its own.
func queryFile(ctx context.Context, path, mode, query string, to any) error {
	db, err := sql.Open("sqlite", fileDSN(path, mode))
	if err != nil {
		return err
	}
	return errors.Join(db.QueryRowContext(ctx, query).Scan(to), db.Close())
}

// keepAside gives the database a second name, and moves what is beside it: an old log must not meet a new database.
func keepAside(path, aside string) error {
	for _, suffix := range besides {
		if err := os.Rename(path+suffix, aside+suffix); err != nil && !errors.Is(err, os.ErrNotExist) {
			return err
		}
	}
	if err := os.Link(path, aside); err != nil && !errors.Is(err, os.ErrNotExist) {
		return err
	}
	return syncDir(filepath.Dir(path))
}
