// Package store keeps everything durable, in SQLite. One SQL text, of the dialect that PostgreSQL takes too, and one
// concrete type: there is no store interface.
//
// It holds no rules of the domain: what may change is decided above; here a change is a compare-and-swap that takes
// place once or fails with ErrConflict. Invariant: DB.Tx is the only way to write, and it returns nil only after the
// write is durable.
package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"net/url"
	"os"
	"path/filepath"
	"runtime"
	"strings"
	"sync"
	"time"

	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"

	"github.com/sliproad/sliproad/internal/checkout"
)

// ErrConflict says that a row has changed since it was read: read it again and decide anew.
var ErrConflict = errors.New("store: the row has changed since it was read")

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("store: no such row")

// Options are the settings of a DB. The zero value serves.
type Options struct {
	MustExist bool                           // refuse to create the file
	MaxBatch  int                            // calls of Tx that share a commit, at most; 0: 512; 1: a commit each
	ReadConns int                            // connections for reads; 0: by the number of cores
	Trace     func(query string, args []any) // sees every statement, for tests and debugging; nil: none
}

// DB is an open database.
type DB struct {
	Reader
	reads  *sql.DB
	writes *writer
	path   string
	opts   Options
	stmts  statements
}

// Reader has every read. It is part of DB, where each read sees the newest state, and of Tx.
type Reader struct{ q querier }

type querier interface {
	query(ctx context.Context, query string, args ...any) (*sql.Rows, error)
	queryRow(ctx context.Context, query string, args ...any) *sql.Row
}

// ParseURL reads a database setting: "sqlite:PATH".
func ParseURL(setting string) (path string, err error) {
	scheme, rest, ok := strings.Cut(setting, ":")
	switch {
	case ok && scheme == "sqlite" && rest != "":
		return strings.TrimPrefix(rest, "//"), nil
	case scheme == "postgres" || scheme == "postgresql":
		return "", errors.New("this version of sliproad runs on SQLite only; use sqlite:PATH")
	}
	return "", fmt.Errorf("must be sqlite:PATH, such as sqlite:/var/lib/sliproad/sliproad.db")
}

// Open opens the database, and creates its file where there is none. It neither checks nor changes the schema; see
// Migrate and CheckSchema.
func Open(ctx context.Context, setting string, opts Options) (*DB, error) {
	path, err := ParseURL(setting)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err) // the setting may hold a password
	}
	if err := prepareFile(path, opts.MustExist); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if opts.MaxBatch == 0 {
		opts.MaxBatch = 512
	}
	if opts.ReadConns == 0 {
		opts.ReadConns = max(16, 4*runtime.GOMAXPROCS(0))
	}
	db := &DB{path: path, opts: opts}
	db.writes, err = openWriter(ctx, path, opts)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	db.reads, err = sql.Open("sqlite", dsn(path, "query_only(1)", "cache_size(-4000)"))
	if err != nil {
		return nil, errors.Join(err, db.writes.close())
	}
	db.reads.SetMaxOpenConns(opts.ReadConns)
	db.reads.SetMaxIdleConns(opts.ReadConns)
	db.q = db
	return db, nil
}

// prepareFile makes the database's file, readable by its owner alone; SQLite gives its log the same mode.
func prepareFile(path string, mustExist bool) error {
	if mustExist {
		_, err := os.Stat(path)
		return err
	}
	if err := os.MkdirAll(filepath.Dir(path), 0o700); err != nil {
		return err
	}
	f, err := os.OpenFile(path, os.O_CREATE|os.O_RDWR, 0o600)
	if err != nil {
		return err
	}
	return f.Close()
}

// dsn has the pragmas of every connection. A checkpoint every 16 000 pages keeps the log small without doubling the
// latency of the writes that meet it, as the default of 1000 does.
func dsn(path string, pragmas ...string) string {
	q := url.Values{}
	for _, p := range append([]string{"busy_timeout(5000)", "journal_mode(WAL)", "synchronous(FULL)", "wal_autocheckpoint(16000)", "temp_store(MEMORY)", "mmap_size(268435456)"}, pragmas...) {
		q.Add("_pragma", p)
	}
	return "file:" + (&url.URL{Path: path}).EscapedPath() + "?" + q.Encode()
}

// Close waits for writes under way and closes the database.
func (db *DB) Close() error {
	return errors.Join(db.writes.close(), db.reads.Close())
}

// Ping tells whether the database answers, for reading and for writing.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.reads.QueryRowContext(ctx, "select 1").Scan(&one); err != nil {
		return unavailable(err)
	}
	return db.Tx(ctx, func(*Tx) error { return nil })
}

// Tx runs the function in a transaction and returns once its writes are durable. The function may run more than once,
// must not block, and must not keep the Tx. Functions of concurrent callers share one commit: see writer.
func (db *DB) Tx(ctx context.Context, fn func(*Tx) error) error {
	return unavailable(db.writes.do(ctx, fn))
}

// view runs reads that see one state of the database.
func (db *DB) view(ctx context.Context, fn func(Reader) error) error {
	snap := &snapshot{db: db}
	err := snap.run(ctx, fn)
	for _, query := range snap.fresh {
		_, _ = db.stmt(ctx, query) // if it can't be prepared, the next read of it says why
	}
	return unavailable(err)
}

// snapshot is a read transaction. It holds a connection, so it prepares nothing for all connections, which would take
// another one: what it found unprepared is prepared after it.
type snapshot struct {
	db    *DB
	tx    *sql.Tx
	fresh []string
}

func (s *snapshot) run(ctx context.Context, fn func(Reader) error) (err error) {
	s.tx, err = s.db.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = s.tx.Rollback() }() // nothing was written
	return fn(Reader{s})
}

// prepared is the statement as this transaction may use it, or nil.
func (s *snapshot) prepared(ctx context.Context, query string, args []any) *sql.Stmt {
	if s.db.opts.Trace != nil {
		s.db.opts.Trace(query, args)
	}
	st, ok := s.db.stmts.get(query)
	if !ok {
		s.fresh = append(s.fresh, query)
		return nil
	}
	return s.tx.StmtContext(ctx, st)
}

func (s *snapshot) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if st := s.prepared(ctx, query, args); st != nil {
		return st.QueryContext(ctx, args...)
	}
	return s.tx.QueryContext(ctx, query, args...)
}

func (s *snapshot) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if st := s.prepared(ctx, query, args); st != nil {
		return st.QueryRowContext(ctx, args...)
	}
	return s.tx.QueryRowContext(ctx, query, args...)
}

// statements are the prepared statements of reads, by their text.
type statements struct {
	mu  sync.RWMutex
	all map[string]*sql.Stmt
}

// maxStatements bounds the prepared statements; a list has a text for each combination of its filters.
const maxStatements = 500

func (s *statements) get(query string) (*sql.Stmt, bool) {
	s.mu.RLock()
	defer s.mu.RUnlock()
	st, ok := s.all[query]
	return st, ok
}

// put keeps the statement, unless there are too many, or another was faster.
func (s *statements) put(query string, st *sql.Stmt) (kept bool) {
	s.mu.Lock()
	defer s.mu.Unlock()
	if s.all == nil {
		s.all = map[string]*sql.Stmt{}
	}
	if _, ok := s.all[query]; ok || len(s.all) >= maxStatements {
		return false
	}
	s.all[query] = st
	return true
}

func (db *DB) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := db.stmts.get(query); ok {
		return st, nil
	}
	st, err := db.reads.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if !db.stmts.put(query, st) {
		defer func() { _ = st.Close() }()
		if kept, ok := db.stmts.get(query); ok {
			return kept, nil
		}
		return nil, errManyStatements
	}
	return st, nil
}

var errManyStatements = errors.New("store: there are more queries than are kept prepared")

func (db *DB) query(ctx context.Context, query string, args ...any) (*sql.Rows, error) {
	if db.opts.Trace != nil {
		db.opts.Trace(query, args)
	}
	st, err := db.stmt(ctx, query)
	if err != nil {
		return db.reads.QueryContext(ctx, query, args...)
	}
	return st.QueryContext(ctx, args...)
}

// queryRow reads one row, found by an index: too short to be worth cancelling, for which driver and database/sql would
// each start a goroutine.
func (db *DB) queryRow(ctx context.Context, query string, args ...any) *sql.Row {
	if db.opts.Trace != nil {
		db.opts.Trace(query, args)
	}
	ctx = context.WithoutCancel(ctx)
	st, err := db.stmt(ctx, query)
	if err != nil {
		return db.reads.QueryRowContext(ctx, query, args...) // tells the error from Scan
	}
	return st.QueryRowContext(ctx, args...)
}

// unavailable turns what the engine says of its own state into DATABASE_UNAVAILABLE; the caller may try again.
func unavailable(err error) error {
	if errors.Is(err, sql.ErrNoRows) {
		return ErrNotFound
	}
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return err
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return checkout.Fail(checkout.CodeDatabaseUnavailable, "The server can't reach its database; try again in a moment.").Because(err)
	}
	return err
}

func micros(t time.Time) int64 {
	if t.IsZero() {
		return 0
	}
	return t.UnixMicro()
}

func fromMicros(n int64) time.Time {
	if n == 0 {
		return time.Time{}
	}
	return time.UnixMicro(n).UTC()
}
