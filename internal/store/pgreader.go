package store

import (
	"context"
	"errors"
	"runtime"
	"time"

	"github.com/jackc/pgx/v5/pgconn"
)

// maxReads is how many reads share a round trip at most.
const maxReads = 64

// pgRead is a read of one row, on its way.
type pgRead struct {
	st   *pgStatement
	done chan struct{}
}

// readMany takes the reads that wait and sends them together.
func (e *pgEngine) readMany() {
	var batch []*pgRead
	for first := range e.reads {
		batch = append(batch[:0], first)
		runtime.Gosched() // requests that are ready to read come first, and along
	gather:
		for len(batch) < maxReads {
			select {
			case r, ok := <-e.reads:
				if !ok {
					break gather
				}
				batch = append(batch, r)
			default:
				break gather
			}
		}
		all := make([]*pgStatement, len(batch))
		for i, r := range batch {
			all[i] = r.st
		}
		err := e.read(context.Background(), pgTripTimeout, all)
		for _, r := range batch {
			if r.st.err == nil && !r.st.sent {
				r.st.err = err
			}
			close(r.done)
		}
	}
}

// read sends reads that stand for themselves, and sees to it that each has an answer or an error.
func (e *pgEngine) read(ctx context.Context, most time.Duration, all []*pgStatement) error {
	ctx, cancel := context.WithTimeout(ctx, most)
	defer cancel()
	conn, err := e.acquire(ctx)
	if err != nil {
		return failStatements(all, err)
	}
	defer conn.Release()
	// As one they cost the server less: it begins and ends a transaction once. If one of them fails, each has its own.
	err = e.trip(ctx, conn.Conn().PgConn(), all, false)
	if err != nil && e.classify(err) == pgFatal && len(all) > 1 {
		for _, st := range all {
			st.err, st.sent = nil, false
		}
		err = e.trip(ctx, conn.Conn().PgConn(), all, true)
	}
	if err == nil {
		return nil
	}
	switch e.classify(err) {
	case pgLost:
		e.drop(conn.Conn().PgConn(), err)
		return failStatements(all, lostError{err})
	case pgContended:
		return failStatements(all, contendedError{err})
	case pgFatal, pgDuplicate:
	}
	return err
}

// failStatements gives all of them the error, even those that have an answer: they are read again.
func failStatements(all []*pgStatement, err error) error {
	for _, st := range all {
		st.err = err
	}
	return err
}

// again repeats a read while the server is not there, or others hold what is read, within bounds.
func (e *pgEngine) again(ctx context.Context, query string, args []any, read func(context.Context, *pgStatement) error) (*pgStatement, error) {
	patient, cancel := context.WithTimeout(ctx, e.presence.patience())
	defer cancel()
	for tries := 1; ; tries++ {
		st, err := newPgStatement(query, args)
		if err != nil {
			return nil, err
		}
		err = read(patient, st)
		if err == nil {
			return st, nil
		}
		if ctx.Err() == nil && patient.Err() != nil && !postgresUnavailable(err) {
			err = lostError{err} // it is our patience that has ended
		}
		var contended contendedError
		if errors.As(err, &contended) { // next time on a connection of its own: neighbours may be to blame, or suffer
			read = e.readAlone
		}
		if !postgresUnavailable(err) || pause(patient, pgVerdict{class: pgLost}, tries) != nil {
			return nil, err
		}
	}
}

func (e *pgEngine) readAlone(ctx context.Context, st *pgStatement) error {
	return e.read(ctx, pgReadTimeout, []*pgStatement{st})
}

func (e *pgEngine) query(ctx context.Context, query string, args ...any) (rows, error) {
	st, err := e.again(ctx, query, args, e.readAlone)
	if err != nil {
		return nil, err
	}
	return &pgRows{pgAnswer: st.answers}, nil
}

// queryRow reads one row, found by an index, along with what others read at this moment.
func (e *pgEngine) queryRow(ctx context.Context, query string, args ...any) scanner {
	st, err := e.again(ctx, query, args, func(patient context.Context, st *pgStatement) error {
		r := &pgRead{st: st, done: make(chan struct{})}
		if err := handPg(patient, e, e.reads, r); err != nil {
			return err
		}
		select {
		case <-r.done:
			return st.err
		case <-patient.Done():
			return lostError{patient.Err()}
		}
	})
	if err != nil {
		return pgRow{err: err}
	}
	return pgRow{answers: st.answers}
}

// view runs reads that see one state of the database, again if the server is lost meanwhile.
func (e *pgEngine) view(ctx context.Context, fn func(Reader) error) error {
	patient, cancel := context.WithTimeout(ctx, e.presence.patience())
	defer cancel()
	for tries := 1; ; tries++ {
		err := e.viewOnce(ctx, fn)
		if !postgresUnavailable(err) || pause(patient, pgVerdict{class: pgLost}, tries) != nil {
			return err
		}
	}
}

func (e *pgEngine) viewOnce(ctx context.Context, fn func(Reader) error) error {
	ctx, cancel := context.WithTimeout(ctx, pgReadTimeout)
	defer cancel()
	conn, err := e.acquire(ctx)
	if err != nil {
		return err
	}
	defer conn.Release()
	v := &pgView{e: e, conn: conn.Conn().PgConn()}
	err = fn(Reader{v})
	if v.begun && !v.conn.IsClosed() {
		if end := e.trip(ctx, v.conn, []*pgStatement{{query: "rollback"}}, false); end != nil {
			_ = v.conn.Close(context.WithoutCancel(ctx))
		}
	}
	return err
}

// pgView is a transaction that reads one state of the database. It begins along with its first read.
type pgView struct {
	e     *pgEngine
	conn  *pgconn.PgConn
	begun bool
}

func (v *pgView) ask(ctx context.Context, query string, args []any) (*pgStatement, error) {
	st, err := newPgStatement(query, args)
	if err != nil {
		return nil, err
	}
	all := []*pgStatement{st}
	if !v.begun {
		v.begun = true
		all = []*pgStatement{{query: "begin isolation level repeatable read, read only"}, st}
	}
	err = v.e.trip(ctx, v.conn, all, false)
	if err == nil {
		return st, nil
	}
	switch v.e.classify(err) {
	case pgLost:
		v.e.drop(v.conn, err)
		return nil, lostError{err}
	case pgContended:
		return nil, contendedError{err}
	case pgFatal, pgDuplicate:
	}
	return nil, err
}

func (v *pgView) query(ctx context.Context, query string, args ...any) (rows, error) {
	st, err := v.ask(ctx, query, args)
	if err != nil {
		return nil, err
	}
	return &pgRows{pgAnswer: st.answers}, nil
}

func (v *pgView) queryRow(ctx context.Context, query string, args ...any) scanner {
	st, err := v.ask(ctx, query, args)
	if err != nil {
		return pgRow{err: err}
	}
	return pgRow{answers: st.answers}
}
