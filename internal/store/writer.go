package store

import (
	"context"
	"database/sql"
	"errors"
	"fmt"
	"sync"
	"sync/atomic"
)

// writer is SQLite's group commit. One goroutine owns the only writing connection. It takes all functions that wait,
// runs them in one transaction, commits once, with one fsync, and answers them all after it. While it commits, the next
// functions gather. A function that fails takes back what it alone has written.
type writer struct {
	db    *sql.DB
	conn  *sql.Conn
	stmts map[string]*sql.Stmt
	queue chan *write
	opts  Options
	*counters

	closing sync.RWMutex // held for reading while a write is handed over
	closed  bool
	done    chan struct{}
}

type write struct {
	ctx   context.Context
	fn    func(*Tx) error
	state atomic.Int32
	err   error
	panic any
	after []func() // run once the commit is durable
	done  chan struct{}
}

// The states of a write. Who changes the first one, the writer or a caller that gives up, has decided.
const (
	writeQueued int32 = iota
	writeRunning
	writeGivenUp
)

var errClosed = errors.New("store: the database is closed")

func openWriter(ctx context.Context, path string, opts Options, c *counters) (*writer, error) {
	db, err := sql.Open("sqlite", dsn(path, "cache_size(-64000)"))
	if err != nil {
		return nil, err
	}
	db.SetMaxOpenConns(1)
	conn, err := db.Conn(ctx)
	if err != nil {
		return nil, errors.Join(err, db.Close())
	}
	w := &writer{
		db: db, conn: conn, opts: opts, counters: c, stmts: map[string]*sql.Stmt{},
		queue: make(chan *write, opts.MaxBatch), done: make(chan struct{}),
	}
	go w.run()
	return w, nil
}

// do hands the function over and waits for its commit. A caller whose context ends while the function waits its turn
// gets the context's error, and the function does not run; once it runs, its outcome is told.
func (w *writer) do(ctx context.Context, fn func(*Tx) error) error {
	wr := &write{ctx: ctx, fn: fn, done: make(chan struct{})}
	if err := w.hand(ctx, wr); err != nil {
		return err
	}
	select {
	case <-wr.done:
	case <-ctx.Done():
		if wr.state.CompareAndSwap(writeQueued, writeGivenUp) {
			return ctx.Err()
		}
		<-wr.done
	}
	if wr.panic != nil {
		panic(wr.panic)
	}
	if wr.err == nil {
		for _, fn := range wr.after {
			fn()
		}
	}
	return wr.err
}

func (w *writer) hand(ctx context.Context, wr *write) error {
	w.closing.RLock()
	defer w.closing.RUnlock()
	if w.closed {
		return errClosed
	}
	select {
	case w.queue <- wr:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

func (w *writer) close() error {
	w.closing.Lock()
	already := w.closed
	if !already {
		w.closed = true
		close(w.queue)
	}
	w.closing.Unlock()
	<-w.done
	if already {
		return nil
	}
	var errs []error
	for _, st := range w.stmts {
		errs = append(errs, st.Close()) // one left open would keep the connection, and SQLite from emptying its log
	}
	return errors.Join(append(errs, w.conn.Close(), w.db.Close())...)
}

func (w *writer) run() {
	defer close(w.done)
	var batch []*write
	for first := range w.queue {
		batch = append(batch[:0], first)
	gather:
		for len(batch) < w.opts.MaxBatch {
			select {
			case wr, ok := <-w.queue:
				if !ok {
					break gather
				}
				batch = append(batch, wr)
			default:
				break gather
			}
		}
		w.commit(batch)
		for _, wr := range batch {
			close(wr.done)
		}
	}
}

// errTakeBack says that a function failed after it had written, and ran without a savepoint.
var errTakeBack = errors.New("store: what a function wrote must be taken back")

// commit runs the batch in one transaction. Whoever failed alone is told so; if the commit fails, all are. Functions
// that fail do so before they write, as a rule; so the batch runs without savepoints, which would cost each of them two
// statements, and only if one must be taken back, all of it runs again with them.
func (w *writer) commit(batch []*write) {
	ctx := context.Background()
	err := w.attempt(ctx, batch, false)
	if errors.Is(err, errTakeBack) {
		err = w.attempt(ctx, batch, true)
	}
	if err != nil {
		failAll(batch, err)
	}
}

func (w *writer) attempt(ctx context.Context, batch []*write, savepoints bool) error {
	if err := w.exec(ctx, "begin immediate"); err != nil {
		return err
	}
	err := w.runAll(ctx, batch, savepoints)
	if err != nil {
		_ = w.exec(ctx, "rollback") // SQLite may have done so by itself
	}
	return err
}

// runAll runs the batch in the transaction that has begun, and ends it. An error is everybody's: nothing was kept.
func (w *writer) runAll(ctx context.Context, batch []*write, savepoints bool) error {
	counts := countDeltas{}
	wrote := false
	for _, wr := range batch {
		if wr.ctx.Err() != nil && wr.state.CompareAndSwap(writeQueued, writeGivenUp) {
			wr.err = wr.ctx.Err()
		}
		if !wr.state.CompareAndSwap(writeQueued, writeRunning) && wr.state.Load() == writeGivenUp {
			continue
		}
		run := sqliteTx{w}
		tx := &Tx{Reader: Reader{run}, run: run, ctx: ctx}
		if err := w.runOne(ctx, tx, wr, savepoints); err != nil {
			return err
		}
		if wr.err == nil && wr.panic == nil {
			wr.after = tx.after
			wrote = wrote || tx.wrote
			counts.add(tx.counts)
		}
	}
	if !wrote {
		return w.exec(ctx, "rollback") // nothing to keep: no fsync
	}
	if err := counts.flush(func(query string, args ...any) error { return w.exec(ctx, query, args...) }, 0); err != nil {
		return err
	}
	err := w.exec(ctx, "commit")
	if err == nil {
		w.commits.Add(1)
		w.committed.Add(int64(len(batch)))
	}
	return err
}

func failAll(batch []*write, err error) {
	for _, wr := range batch {
		if wr.err == nil && wr.panic == nil {
			wr.err = err
		}
	}
}

// runOne runs one function. A panic is the caller's: it is rolled back here and raised there. An error says that the
// whole transaction is of no use any more: what the function wrote has no savepoint to go back to; or SQLite has rolled
// everything back on a full disk or an I/O error, and what would run next would run outside of any transaction.
func (w *writer) runOne(ctx context.Context, tx *Tx, wr *write, savepoint bool) error {
	if savepoint {
		if err := w.exec(ctx, "savepoint one"); err != nil {
			return err
		}
	}
	func() {
		defer func() { wr.panic = recover() }()
		wr.err = wr.fn(tx)
	}()
	failed := wr.err != nil || wr.panic != nil
	switch {
	case !savepoint && failed && tx.tried:
		return errTakeBack
	case !savepoint:
		return nil
	case failed:
		if err := w.exec(ctx, "rollback to one"); err != nil {
			return errors.Join(wr.err, err)
		}
	}
	return w.exec(ctx, "release one")
}

func (w *writer) exec(ctx context.Context, query string, args ...any) error {
	st, err := w.stmt(ctx, query)
	if err != nil {
		return err
	}
	_, err = st.ExecContext(ctx, args...)
	return err
}

func (w *writer) stmt(ctx context.Context, query string) (*sql.Stmt, error) {
	if st, ok := w.stmts[query]; ok {
		return st, nil
	}
	st, err := w.conn.PrepareContext(ctx, query)
	if err != nil {
		return nil, fmt.Errorf("prepare %q: %w", query, err)
	}
	w.stmts[query] = st
	return st, nil
}

// sqliteTx runs the statements of one function on the writing connection.
type sqliteTx struct{ w *writer }

func (t sqliteTx) exec(ctx context.Context, query string, args []any) (int64, error) {
	st, err := t.stmt(ctx, query, args)
	if err != nil {
		return 0, err
	}
	res, err := st.ExecContext(ctx, args...)
	if err != nil {
		return 0, err
	}
	return res.RowsAffected()
}

func (t sqliteTx) insert(ctx context.Context, query, orNothing string, args []any) (int64, error) {
	return t.exec(ctx, query+orNothing, args)
}

// query and queryRow ignore the caller's context, which may end while others share the transaction.
func (t sqliteTx) query(_ context.Context, query string, args ...any) (rows, error) {
	ctx := context.Background()
	st, err := t.stmt(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return st.QueryContext(ctx, args...) //nolint:rowserrcheck // scanAll checks
}

func (t sqliteTx) queryRow(_ context.Context, query string, args ...any) scanner {
	ctx := context.Background()
	st, err := t.stmt(ctx, query, args)
	if err != nil {
		return t.w.conn.QueryRowContext(ctx, query, args...) // tells the error from Scan
	}
	return st.QueryRowContext(ctx, args...)
}

func (t sqliteTx) stmt(ctx context.Context, query string, args []any) (*sql.Stmt, error) {
	if t.w.opts.Trace != nil {
		t.w.opts.Trace(query, args)
	}
	return t.w.stmt(ctx, query)
}
