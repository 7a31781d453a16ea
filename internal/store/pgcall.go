package store

import (
	"context"
	"errors"
	"math/rand/v2"
	"regexp"
	"strconv"
	"sync/atomic"
	"time"
)

// pgCall is one run of a function that was given to DB.Tx, in a transaction that it shares with others. The function
// runs on its caller's goroutine. What it asks waits until a writer sends it, together with what the others ask; what
// need not be answered before the commit goes along with a later question, or with the commit. So a function that only
// inserts takes one round trip, which it shares.
type pgCall struct {
	ctx   context.Context
	e     *pgEngine
	alone bool // in a transaction of its own, and with an answer to everything
	tx    *Tx
	state atomic.Int32

	written string         // a statement that wrote, and
	args    []any          // its arguments: see projectOf
	pending []*pgStatement // not sent yet; the function waits for the last one
	batch   *pgBatch       // nil: no writer has taken the call yet
	turn    chan struct{}  // the writer's sign to go on
	changed bool           // something that was sent changed a row
	ended   bool           // the function has returned
	err     error          // what it returned
	panic   any
	verdict pgVerdict
}

// pgVerdict is what became of a call's transaction.
type pgVerdict struct {
	class pgClass
	cause error // nil: it was committed
	alone bool  // to be tried again alone
}

// errBroken ends a function whose transaction has failed already. It is run again.
var errBroken = errors.New("store: the transaction has failed")

// Bounds of how often a transaction is tried.
const (
	maxContended = 12
	togetherMost = 3 // times among others, if it is always others that fail
	pgFirstPause = 10 * time.Millisecond
	pgMostPause  = 500 * time.Millisecond
)

// tx runs the function until its transaction is committed, within bounds.
func (e *pgEngine) tx(ctx context.Context, solitary bool, fn func(*Tx) error) error {
	patient, cancel := context.WithTimeout(ctx, e.presence.patience())
	defer cancel()
	alone, contended := solitary, false
	var cause error // of the last failure
	for tries := 1; ; tries++ {
		c := &pgCall{ctx: ctx, e: e, alone: alone || tries > togetherMost, turn: make(chan struct{}, 1)}
		c.tx = &Tx{Reader: Reader{c}, run: c, ctx: context.WithoutCancel(ctx)}
		if !e.oneByOne(patient, contended, func() { c.run(fn) }) {
			return errors.Join(ctx.Err(), contendedError{cause})
		}
		cause = c.verdict.cause
		if c.verdict.cause == nil {
			if c.panic != nil {
				panic(c.panic)
			}
			if c.err == nil {
				for _, fn := range c.tx.after {
					fn()
				}
			}
			return c.err
		}
		switch c.verdict.class {
		case pgDuplicate:
			if c.alone { // the key was taken after the function had looked
				return ErrConflict
			}
		case pgFatal:
			if c.alone {
				return c.verdict.cause
			}
		case pgContended:
			if tries >= maxContended {
				return contendedError{c.verdict.cause}
			}
		case pgLost:
			var unknown unknownError
			if errors.As(c.verdict.cause, &unknown) {
				return c.verdict.cause
			}
		}
		e.retried.Add(1)
		alone, contended = solitary || c.verdict.alone, c.verdict.class == pgContended
		if err := pause(patient, c.verdict, tries); err != nil {
			if ctx.Err() != nil {
				return ctx.Err()
			}
			return lostError{c.verdict.cause}
		}
	}
}

// oneByOne has those of a node that stood in each other's way run one after the other. False: the caller's patience ended
// before its turn came, and it did not run.
func (e *pgEngine) oneByOne(patient context.Context, contended bool, run func()) (ran bool) {
	if contended {
		select {
		case e.lane <- struct{}{}:
			defer func() { <-e.lane }()
		case <-patient.Done():
			return false
		}
	}
	run()
	return true
}

// pause waits before the next try: not at all for what another's failure has undone, longer and longer for what is not
// there.
func pause(ctx context.Context, v pgVerdict, tries int) error {
	if v.class != pgLost && v.class != pgContended {
		return ctx.Err()
	}
	most := min(pgFirstPause<<min(tries, 10), pgMostPause)
	timer := time.NewTimer(most/2 + rand.N(most/2+1)) //nolint:gosec // spreads what is tried again
	defer timer.Stop()
	select {
	case <-timer.C:
		return nil
	case <-ctx.Done():
		return ctx.Err()
	}
}

// run runs the function once, and waits for the verdict on its transaction.
func (c *pgCall) run(fn func(*Tx) error) {
	func() {
		defer func() {
			if c.panic = recover(); c.panic != nil {
				c.err = errBroken
			}
		}()
		c.err = fn(c.tx)
	}()
	if c.state.Load() == writeGivenUp {
		c.err = c.ctx.Err()
		return
	}
	if c.batch == nil && (c.err != nil || (len(c.pending) == 0 && !c.tx.confirm)) {
		return // nothing has been sent, and nothing is to be
	}
	c.ended = true
	if err := c.wait(); err != nil {
		c.err = err
	}
}

// wait gives the call to a writer, with whatever is pending, and waits for its turn.
func (c *pgCall) wait() error {
	if c.batch != nil {
		c.batch.inbox <- c
		<-c.turn
		return nil
	}
	if err := handPg(c.ctx, c.e, c.e.writes, c); err != nil {
		c.ended = true
		return err
	}
	select {
	case <-c.turn:
		return nil
	case <-c.ctx.Done():
		if c.state.CompareAndSwap(writeQueued, writeGivenUp) || c.state.Load() == writeGivenUp {
			return c.ctx.Err()
		}
		<-c.turn
		return nil
	}
}

// ask has the statement sent and waits for its answer.
func (c *pgCall) ask(query string, args []any) (*pgStatement, error) {
	st, err := newPgStatement(query, args)
	if err != nil {
		return nil, err
	}
	if c.state.Load() == writeGivenUp || (c.batch != nil && c.batch.broken != nil) {
		return nil, errBroken
	}
	c.pending = append(c.pending, st)
	if err := c.wait(); err != nil {
		return nil, err
	}
	if c.batch.broken != nil {
		return nil, errBroken
	}
	return st, nil
}

func (c *pgCall) exec(_ context.Context, query string, args []any) (int64, error) {
	c.written, c.args = query, args
	st, err := c.ask(query, args)
	if err != nil {
		return 0, err
	}
	return st.n, nil
}

// insert adds a row without waiting for the answer: that its key is there already is an error, which undoes the
// transaction. The call is then tried alone, where the clause decides.
func (c *pgCall) insert(ctx context.Context, query, orNothing string, args []any) (int64, error) {
	if c.alone {
		return c.exec(ctx, query+orNothing, args)
	}
	c.written, c.args = query, args
	st, err := newPgStatement(query, args)
	if err != nil {
		return 0, err
	}
	c.pending = append(c.pending, st)
	return 1, nil
}

var projectArgument = regexp.MustCompile(`(?s)^insert into \w+ \((project_id),|\bproject_id = \$(\d+)`)

// projectOf is the project that the call has written for: the house writes every statement so that it names one, as the
// first column of an insert, or as a condition. Empty: it wrote to the tables of all projects.
func projectOf(c *pgCall) string {
	found := projectArgument.FindStringSubmatch(c.written)
	if found == nil {
		return ""
	}
	n := 1
	if found[1] == "" {
		n, _ = strconv.Atoi(found[2])
	}
	project, _ := c.args[n-1].(string)
	return project
}

func (c *pgCall) query(_ context.Context, query string, args ...any) (rows, error) {
	st, err := c.ask(query, args)
	if err != nil {
		return nil, err
	}
	return &pgRows{pgAnswer: st.answers}, nil
}

func (c *pgCall) queryRow(_ context.Context, query string, args ...any) scanner {
	st, err := c.ask(query, args)
	if err != nil {
		return pgRow{err: err}
	}
	return pgRow{answers: st.answers}
}
