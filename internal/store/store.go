// Package store keeps everything durable, in SQLite or in PostgreSQL. One SQL text, of the dialect that both take, and one
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
	"math/rand/v2"
	"strings"
	"time"

	"github.com/jackc/pgx/v5/pgxpool"
	"github.com/pressly/goose/v3"

	"github.com/sliproad/sliproad/internal/checkout"
)

// ErrConflict says that a row has changed since it was read: read it again and decide anew.
var ErrConflict = errors.New("store: the row has changed since it was read")

// ErrNotFound says that there is no such row.
var ErrNotFound = errors.New("store: no such row")

// Options are the settings of a DB. The zero value serves.
type Options struct {
	MustExist bool                           // SQLite: refuse to create the file
	MaxBatch  int                            // calls of Tx that share a commit, at most; 0: 512; 1: a commit each
	ReadConns int                            // connections for reads, of a command that needs few; 0: by the number of cores
	Trace     func(query string, args []any) // sees every statement, for tests and debugging; nil: none
}

// DB is an open database.
type DB struct {
	Reader
	engine
	exclusive bool
	counters  *counters
	migrator  func() (*sql.DB, goose.Dialect, error)
}

// engine is what differs between SQLite and PostgreSQL: not the SQL, but how a statement gets there and back.
type engine interface {
	querier
	tx(ctx context.Context, alone bool, fn func(*Tx) error) error
	view(ctx context.Context, fn func(Reader) error) error
	close() error
}

// Reader has every read. It is part of DB, where each read sees the newest state, and of Tx.
type Reader struct{ q querier }

type querier interface {
	query(ctx context.Context, query string, args ...any) (rows, error)
	queryRow(ctx context.Context, query string, args ...any) scanner
}

// rows are *sql.Rows, or what PostgreSQL answered.
type rows interface {
	Next() bool
	Scan(dest ...any) error
	Err() error
	Close() error
}

// ParseURL checks a database setting, "sqlite:PATH" or "postgres://…", and returns the path of SQLite's file, which is
// empty for PostgreSQL. Its error holds no password.
func ParseURL(setting string) (path string, err error) {
	scheme, rest, ok := strings.Cut(setting, ":")
	switch {
	case ok && scheme == "sqlite" && rest != "":
		return strings.TrimPrefix(rest, "//"), nil
	case ok && (scheme == "postgres" || scheme == "postgresql"):
		if _, err := pgxpool.ParseConfig(setting); err != nil {
			return "", errors.New("is not a PostgreSQL URL, such as postgres://user:password@host1,host2/database?target_session_attrs=read-write")
		}
		return "", nil
	}
	return "", errors.New("must be sqlite:PATH, such as sqlite:/var/lib/sliproad/sliproad.db, or postgres://user:password@host/database")
}

// Open opens the database, and creates SQLite's file where there is none. It neither checks nor changes the schema; see
// Migrate and CheckSchema. It does not wait for PostgreSQL: the first use tells whether it is there.
func Open(ctx context.Context, setting string, opts Options) (*DB, error) {
	path, err := ParseURL(setting)
	if err != nil {
		return nil, fmt.Errorf("database: %w", err) // the setting may hold a password
	}
	if opts.MaxBatch == 0 {
		opts.MaxBatch = 512
	}
	db := &DB{exclusive: path != "", counters: &counters{}}
	if path != "" {
		e, err := openSQLite(ctx, path, opts, db.counters)
		if err != nil {
			return nil, err
		}
		db.engine, db.migrator = e, e.migrator
	} else {
		e, err := openPostgres(setting, opts, db.counters)
		if err != nil {
			return nil, err
		}
		db.engine, db.migrator = e, e.migrator
	}
	db.q = db.engine
	return db, nil
}

// Exclusive tells whether the database serves one server at a time, so that any other that has left something behind is
// gone. SQLite's does.
func (db *DB) Exclusive() bool { return db.exclusive }

// Close waits for writes under way and closes the database.
func (db *DB) Close() error { return db.close() }

// Ping tells whether the database answers, for reading and for writing: on PostgreSQL, with a commit.
func (db *DB) Ping(ctx context.Context) error {
	var one int
	if err := db.queryRow(ctx, "select 1").Scan(&one); err != nil {
		return unavailable(err)
	}
	return db.Tx(ctx, func(tx *Tx) error {
		tx.confirm = true
		return nil
	})
}

// Tx runs the function in a transaction and returns once its writes are durable. The function may run more than once,
// must not block, must not keep the Tx, and sets whatever it sets outside anew in each run. Functions of concurrent
// callers share one commit, see writer and pgWriter; on PostgreSQL they even share the transaction, side by side. So a
// compare-and-swap or a unique key decides between them, but a row that one of them holds is not locked for the others.
// Only what a nil error came with is confirmed: after an error, nothing that the function saw is to be relied on.
func (db *DB) Tx(ctx context.Context, fn func(*Tx) error) error {
	return unavailable(db.tx(ctx, false, fn))
}

// TxAlone is Tx in a transaction that the function has for itself, so that the rows which others hold are locked for it,
// and those that it holds for them.
func (db *DB) TxAlone(ctx context.Context, fn func(*Tx) error) error {
	return unavailable(db.tx(ctx, true, fn))
}

// Snapshot runs reads that see one state of the database. The function may run more than once.
func (db *DB) Snapshot(ctx context.Context, fn func(Reader) error) error {
	return unavailable(db.view(ctx, fn))
}

// Tx is a transaction under way. Its reads see its own writes.
type Tx struct {
	Reader
	run     runner
	ctx     context.Context
	tried   bool // a statement failed, or changed something: there may be something to take back
	wrote   bool
	confirm bool // commit even if nothing was written
	counts  []countDelta
	after   []func()
}

// runner runs the statements of a transaction.
type runner interface {
	querier
	exec(ctx context.Context, query string, args []any) (int64, error)
	insert(ctx context.Context, query, orNothing string, args []any) (int64, error)
}

// OnCommit has the function run once the transaction is durable, and not at all if it fails.
func (tx *Tx) OnCommit(fn func()) { tx.after = append(tx.after, fn) }

// exec runs a statement and returns how many rows it changed.
func (tx *Tx) exec(query string, args ...any) (int64, error) {
	n, err := tx.run.exec(tx.ctx, query, args)
	return tx.noted(n, err)
}

// insert adds a row whose key is new, as a rule: where it is not, the clause given decides. PostgreSQL need not answer
// for it before the commit.
func (tx *Tx) insert(query, orNothing string, args ...any) (int64, error) {
	n, err := tx.run.insert(tx.ctx, query, orNothing, args)
	return tx.noted(n, err)
}

func (tx *Tx) noted(n int64, err error) (int64, error) {
	if err != nil {
		tx.tried = true
		return 0, err
	}
	if n > 0 {
		tx.tried, tx.wrote = true, true
	}
	return n, nil
}

// swap is exec for a compare-and-swap: no row changed is ErrConflict.
func (tx *Tx) swap(query string, args ...any) error {
	n, err := tx.exec(query, args...)
	if err == nil && n == 0 {
		return ErrConflict
	}
	return err
}

// unavailable turns what the engine says of its own state into DATABASE_UNAVAILABLE; the caller may try again.
func unavailable(err error) error {
	switch {
	case err == nil:
		return nil
	case errors.Is(err, sql.ErrNoRows):
		return ErrNotFound
	case sqliteUnavailable(err), postgresUnavailable(err):
		return checkout.Fail(checkout.CodeDatabaseUnavailable, "The server can't reach its database; try again in a moment.").Because(err)
	}
	return err
}

// newVersion is what a row that changes is marked with. It is no count: two servers that each believe to be the primary
// would count to the same number, and a row that was read from the one would be taken for that of the other.
func newVersion() int64 { return rand.Int64N(1 << 62) } //nolint:gosec // nobody gains by guessing it

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
