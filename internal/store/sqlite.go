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
	"sync"

	"github.com/pressly/goose/v3"
	"modernc.org/sqlite"
	sqlite3 "modernc.org/sqlite/lib"
)

// sqliteEngine is the embedded database: one writer that commits in groups, and a pool of read-only connections.
type sqliteEngine struct {
	reads  *sql.DB
	writes *writer
	path   string
	opts   Options
	stmts  statements
}

func openSQLite(ctx context.Context, path string, opts Options, c *counters) (*sqliteEngine, error) {
	if err := prepareFile(path, opts.MustExist); err != nil {
		return nil, fmt.Errorf("database: %w", err)
	}
	if opts.ReadConns == 0 {
		opts.ReadConns = max(16, 4*runtime.GOMAXPROCS(0))
	}
	e := &sqliteEngine{path: path, opts: opts}
	var err error
	e.writes, err = openWriter(ctx, path, opts, c)
	if err != nil {
		return nil, fmt.Errorf("database %s: %w", path, err)
	}
	e.reads, err = sql.Open("sqlite", dsn(path, "query_only(1)", "cache_size(-4000)"))
	if err != nil {
		return nil, errors.Join(err, e.writes.close())
	}
	e.reads.SetMaxOpenConns(opts.ReadConns)
	e.reads.SetMaxIdleConns(opts.ReadConns)
	return e, nil
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

// close waits for writes under way.
func (e *sqliteEngine) close() error {
	return errors.Join(e.writes.close(), e.reads.Close())
}

// tx runs one function after the other, whoever wants to be alone.
func (e *sqliteEngine) tx(ctx context.Context, _ bool, fn func(*Tx) error) error {
	return e.writes.do(ctx, fn)
}

func (e *sqliteEngine) migrator() (*sql.DB, goose.Dialect, error) {
	conn, err := sql.Open("sqlite", dsn(e.path))
	return conn, goose.DialectSQLite3, err
}

// view runs reads that see one state of the database.
func (e *sqliteEngine) view(ctx context.Context, fn func(Reader) error) error {
	snap := &snapshotTx{db: e}
	err := snap.run(ctx, fn)
	for _, query := range snap.fresh {
		_, _ = e.stmt(ctx, query) // if it can't be prepared, the next read of it says why
	}
	return err
}

// snapshotTx is a read transaction. It holds a connection, so it prepares nothing for all connections, which would take
// another one: what it found unprepared is prepared after it.
type snapshotTx struct {
	db    *sqliteEngine
	tx    *sql.Tx
	fresh []string
}

func (s *snapshotTx) run(ctx context.Context, fn func(Reader) error) (err error) {
	s.tx, err = s.db.reads.BeginTx(ctx, &sql.TxOptions{ReadOnly: true})
	if err != nil {
		return err
	}
	defer func() { _ = s.tx.Rollback() }() // nothing was written
	return fn(Reader{s})
}

// prepared is the statement as this transaction may use it, or nil.
func (s *snapshotTx) prepared(ctx context.Context, query string, args []any) *sql.Stmt {
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

func (s *snapshotTx) query(ctx context.Context, query string, args ...any) (rows, error) {
	if st := s.prepared(ctx, query, args); st != nil {
		return st.QueryContext(ctx, args...) //nolint:rowserrcheck // scanAll checks
	}
	return s.tx.QueryContext(ctx, query, args...) //nolint:rowserrcheck // scanAll checks
}

func (s *snapshotTx) queryRow(ctx context.Context, query string, args ...any) scanner {
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

func (e *sqliteEngine) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := e.stmts.get(query); ok {
		return st, nil
	}
	st, err := e.reads.PrepareContext(ctx, query)
	if err != nil {
		return nil, err
	}
	if !e.stmts.put(query, st) {
		defer func() { _ = st.Close() }()
		if kept, ok := e.stmts.get(query); ok {
			return kept, nil
		}
		return nil, errManyStatements
	}
	return st, nil
}

var errManyStatements = errors.New("store: there are more queries than are kept prepared")

func (e *sqliteEngine) query(ctx context.Context, query string, args ...any) (rows, error) {
	if e.opts.Trace != nil {
		e.opts.Trace(query, args)
	}
	st, err := e.stmt(ctx, query)
	if err != nil {
		return e.reads.QueryContext(ctx, query, args...) //nolint:rowserrcheck // scanAll checks
	}
	return st.QueryContext(ctx, args...) //nolint:rowserrcheck // scanAll checks
}

// queryRow reads one row, found by an index: too short to be worth cancelling, for which driver and database/sql would
// each start a goroutine.
func (e *sqliteEngine) queryRow(ctx context.Context, query string, args ...any) scanner {
	if e.opts.Trace != nil {
		e.opts.Trace(query, args)
	}
	ctx = context.WithoutCancel(ctx)
	st, err := e.stmt(ctx, query)
	if err != nil {
		return e.reads.QueryRowContext(ctx, query, args...) // tells the error from Scan
	}
	return st.QueryRowContext(ctx, args...)
}

// sqliteUnavailable tells whether SQLite can't work at this moment, whatever the statement.
func sqliteUnavailable(err error) bool {
	var e *sqlite.Error
	if !errors.As(err, &e) {
		return false
	}
	switch e.Code() & 0xff {
	case sqlite3.SQLITE_BUSY, sqlite3.SQLITE_LOCKED, sqlite3.SQLITE_FULL, sqlite3.SQLITE_IOERR, sqlite3.SQLITE_CANTOPEN, sqlite3.SQLITE_READONLY:
		return true
	}
	return false
}
