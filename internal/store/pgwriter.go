package store

import (
	"context"
	"crypto/rand"
	"errors"
	"math/big"
	"strings"
	"sync"

	"github.com/jackc/pgx/v5/pgconn"
)

// pgWriter is PostgreSQL's group commit. Each writer takes the calls that wait, and runs them in one transaction and in
// lockstep: whatever their functions ask next goes to the server in one round trip, and so does the commit. There are a
// few writers, so that one that waits for a disk, or a standby, doesn't hold up the others.
//
// With each commit a writer counts up a row of its own. A commit whose answer was lost is found out by that count, never
// repeated on a guess: see findOut.
type pgWriter struct {
	e     *pgEngine
	id    string
	seq   int64
	slot  int    // of the counts
	place string // the project of the row that counts the last commit, on a sharded engine
}

// countSlots is how many rows may share one count.
const countSlots = 32

func newPgWriter(e *pgEngine) *pgWriter {
	w := &pgWriter{e: e}
	w.rename()
	return w
}

// moreWriters is how many there are besides on a sharded engine, where a transaction serves one call and takes longer.
const moreWriters = 12

// rename makes the writer another one, which has committed nothing yet.
func (w *pgWriter) rename() {
	slot, _ := rand.Int(rand.Reader, big.NewInt(countSlots)) // never fails
	w.id, w.seq, w.slot = rand.Text(), 0, int(slot.Int64())
}

func (w *pgWriter) run() {
	var calls []*pgCall
	for first := range w.e.writes {
		calls = append(calls[:0], first)
	gather:
		for len(calls) < w.e.opts.MaxBatch {
			select {
			case c, ok := <-w.e.writes:
				if !ok {
					break gather
				}
				calls = append(calls, c)
			default:
				break gather
			}
		}
		together := calls[:0:0]
		for _, c := range calls {
			if c.alone || w.e.sharded.Load() {
				w.commit([]*pgCall{c})
			} else {
				together = append(together, c)
			}
		}
		w.commit(together)
	}
}

// pgBatch is the calls that share a transaction.
type pgBatch struct {
	w       *pgWriter
	calls   []*pgCall
	inbox   chan *pgCall // calls whose functions ask again, or have ended
	conn    *pgconn.PgConn
	release func() // gives conn back to the pool
	begun   bool
	broken  error // why the transaction is of no use any more
}

func (w *pgWriter) commit(calls []*pgCall) {
	b := &pgBatch{w: w, inbox: make(chan *pgCall, len(calls))}
	for _, c := range calls {
		if c.ctx.Err() != nil && c.state.CompareAndSwap(writeQueued, writeGivenUp) {
			continue // its caller sees that by itself
		}
		if c.state.CompareAndSwap(writeQueued, writeRunning) {
			c.batch = b
			b.calls = append(b.calls, c)
		}
	}
	if len(b.calls) == 0 {
		return
	}
	culprit, err := b.run()
	if err != nil {
		b.fail(culprit, err)
	}
	for _, c := range b.calls {
		c.turn <- struct{}{}
	}
}

// fail gives the verdict on a transaction that was not committed. Who is to blame tries again alone; so does everybody
// after a conflict, which the order of many statements makes more likely.
func (b *pgBatch) fail(culprit *pgCall, err error) {
	b.broken = err
	class := b.w.e.classify(err)
	var lost lostError
	var unknown unknownError
	if errors.As(err, &lost) || errors.As(err, &unknown) {
		class = pgLost
	}
	running := b.running()
	for _, c := range b.calls { // the functions that wait for an answer end first
		if !c.ended {
			c.turn <- struct{}{}
		}
	}
	for ; running > 0; running-- {
		b.await()
	}
	for _, c := range b.calls {
		c.verdict = pgVerdict{class: class, cause: err, alone: class == pgContended || (c == culprit && class != pgLost)}
	}
}

// running counts the functions that have not ended.
func (b *pgBatch) running() (n int) {
	for _, c := range b.calls {
		if !c.ended {
			n++
		}
	}
	return n
}

// await receives one call. One that asks although the transaction has failed is told so.
func (b *pgBatch) await() {
	for {
		c := <-b.inbox
		if c.ended || b.broken == nil {
			return
		}
		c.turn <- struct{}{}
	}
}

// run runs the functions in rounds, and commits. With an error goes who is to blame, if anybody is.
func (b *pgBatch) run() (*pgCall, error) {
	ctx := context.Background()
	conn, err := b.w.e.acquire(ctx)
	if err != nil {
		return nil, err
	}
	b.release = sync.OnceFunc(conn.Release)
	defer b.release()
	b.conn = conn.Conn().PgConn()
	for b.running() > 0 {
		culprit, err := b.round(ctx)
		if err != nil {
			return culprit, b.giveUp(ctx, err)
		}
		asking := b.running()
		for _, c := range b.calls {
			if !c.ended {
				c.turn <- struct{}{}
			}
		}
		for ; asking > 0; asking-- {
			b.await()
		}
	}
	return b.finish(ctx)
}

// round sends what is pending and reads the answers.
func (b *pgBatch) round(ctx context.Context) (*pgCall, error) {
	all, owners := b.take()
	err := b.trip(ctx, all)
	if err != nil {
		return blame(all, owners), err
	}
	note(all, owners)
	return nil, nil
}

// take gathers what is pending, behind the transaction's beginning. What a failed function has not sent is dropped.
func (b *pgBatch) take() (all []*pgStatement, owners []*pgCall) {
	if !b.begun {
		all, owners = append(all, &pgStatement{query: beginTx}), append(owners, nil)
		if !b.w.e.prepared {
			all, owners = append(all, &pgStatement{query: pgSetLimits}), append(owners, nil)
		}
		b.begun = true
	}
	for _, c := range b.calls {
		if !c.ended || c.err == nil {
			for _, st := range c.pending {
				all, owners = append(all, st), append(owners, c)
			}
		}
		c.pending = c.pending[:0:0]
	}
	return all, owners
}

// blame finds whose statement failed; nil: nobody's.
func blame(all []*pgStatement, owners []*pgCall) *pgCall {
	for i, st := range all {
		if st.err != nil {
			return owners[i]
		}
	}
	return nil
}

// blamed is the statement that failed; nil: none did.
func blamed(all []*pgStatement) *pgStatement {
	for _, st := range all {
		if st.err != nil {
			return st
		}
	}
	return nil
}

// note remembers which functions have changed something.
func note(all []*pgStatement, owners []*pgCall) {
	for i, st := range all {
		if owners[i] != nil && st.n > 0 && !strings.HasPrefix(st.query, "select") {
			owners[i].changed = true
		}
	}
}

func (b *pgBatch) trip(ctx context.Context, all []*pgStatement) error {
	ctx, cancel := context.WithTimeout(ctx, pgTripTimeout)
	defer cancel()
	return b.w.e.trip(ctx, b.conn, all, false)
}

// giveUp ends the transaction, so that the connection serves again, and returns the error.
func (b *pgBatch) giveUp(ctx context.Context, err error) error {
	if b.w.e.classify(err) == pgLost {
		b.w.e.drop(b.conn, err)
		return lostError{err}
	}
	if b.trip(ctx, []*pgStatement{{query: "rollback"}}) != nil {
		_ = b.conn.Close(ctx)
	}
	return err
}

// finish commits what the functions have written. All of them have ended. One that has succeeded without writing is part of
// it too: it has found done what it was to do, perhaps by a commit that only a server believes which has been cut off from
// its standbys. Only a commit shows that this one is none such, and the count is a write.
func (b *pgBatch) finish(ctx context.Context) (*pgCall, error) {
	counts := countDeltas{}
	keep := false
	for _, c := range b.calls {
		if c.err != nil && c.changed && !c.alone {
			return c, b.giveUp(ctx, takeBackError())
		}
		if c.err == nil {
			keep = true
			counts.add(c.tx.counts)
		}
	}
	if !keep {
		if !b.begun {
			return nil, nil
		}
		err := b.trip(ctx, []*pgStatement{{query: "rollback"}})
		if err != nil {
			return nil, b.giveUp(ctx, err)
		}
		return nil, nil
	}
	all, owners := b.take()
	add := func(query string, args ...any) error {
		st, err := newPgStatement(query, args)
		all, owners = append(all, st), append(owners, nil)
		return err
	}
	if err := counts.flush(add, b.w.slot); err != nil {
		return nil, b.giveUp(ctx, err)
	}
	b.w.seq++
	b.w.place = ""
	if b.w.e.sharded.Load() {
		b.w.place = projectOf(b.calls[0]) // the count goes where the rows are
	}
	if err := add(countCommit, b.w.place, b.w.id, b.w.seq); err != nil {
		return nil, b.giveUp(ctx, err)
	}
	all, owners = append(all, &pgStatement{query: commitTx}), append(owners, nil)
	err := b.trip(ctx, all)
	if warned, _ := b.conn.CustomData()[pgWarned].(bool); err == nil && !warned {
		b.w.e.commits.Add(1)
		b.w.e.committed.Add(int64(len(b.calls)))
		return nil, nil
	}
	return b.settle(ctx, all, owners, err)
}

// settle finds out what became of a commit that was not simply confirmed.
func (b *pgBatch) settle(ctx context.Context, all []*pgStatement, owners []*pgCall, err error) (*pgCall, error) {
	last := all[len(all)-1]
	if err != nil && last.err == nil && b.w.e.classify(err) != pgLost {
		if owner := blame(all, owners); owner != nil || b.w.e.classify(err) == pgContended {
			return owner, b.giveUp(ctx, err) // an earlier statement failed, so the commit was not carried out
		}
		if blamed(all) != nil { // the count itself failed: another server has a fence
			b.w.rename()
			return nil, b.giveUp(ctx, lostError{err})
		}
	}
	if err == nil {
		err = errors.New("the server warned that the commit may not have been replicated")
	} else if last.err != nil && hungUp(err) {
		b.w.e.hosts.suspect(b.conn)
	}
	err = b.giveUp(ctx, lostError{err})
	b.release() // it may be the only one there is
	committed, found := b.w.findOut(ctx)
	if found == nil {
		b.w.e.foundOut.Add(1)
	} else {
		b.w.e.unknown.Add(1)
	}
	switch {
	case found != nil:
		return nil, unknownError{found}
	case committed:
		return nil, nil
	}
	return nil, err
}

func takeBackError() error { return &pgconn.PgError{Code: "23505", Message: errTakeBack.Error()} }

const (
	beginTx  = "begin isolation level read committed"
	commitTx = "commit"
)

// countCommit counts a writer's commits in a row of its own. If there is a fence, findOut has decided that the commit is
// not to be: the division by zero undoes it.
const countCommit = `insert into writers (project_id, id, seq, fence) values ($1, $2, $3, 0)
	on conflict (project_id, id) do update set seq = excluded.seq / (case when writers.fence = 0 then 1 else 0 end)`

const fenceWriter = `insert into writers (project_id, id, seq, fence) values ($1, $2, 0, 1)
	on conflict (project_id, id) do update set fence = writers.fence + 1 returning seq`

// findOut tells whether the last commit took place, by a write: a server that has been cut off from its standbys could
// not commit that, so what it believes is not taken for a fact; and a commit that is still on its way is either waited
// for, by its lock, or kept from ever taking place, by the fence. The writer then goes on under another name.
func (w *pgWriter) findOut(ctx context.Context) (committed bool, err error) {
	defer w.rename()
	ctx, cancel := context.WithTimeout(ctx, pgPatience)
	defer cancel()
	for tries := 1; ; tries++ {
		seq, err := w.fence(ctx)
		if err == nil {
			return seq == w.seq, nil
		}
		if pause(ctx, pgVerdict{class: pgLost}, tries) != nil {
			return false, err
		}
	}
}

func (w *pgWriter) fence(ctx context.Context) (seq int64, err error) {
	conn, err := w.e.acquire(ctx)
	if err != nil {
		return 0, err
	}
	defer conn.Release()
	st, err := newPgStatement(fenceWriter, []any{w.place, w.id})
	if err != nil {
		return 0, err
	}
	c := conn.Conn().PgConn()
	ctx, cancel := context.WithTimeout(ctx, pgTripTimeout)
	defer cancel()
	commit := &pgStatement{query: commitTx}
	if err := w.e.trip(ctx, c, []*pgStatement{{query: beginTx}, st, commit}, false); err != nil {
		if commit.err != nil && hungUp(err) {
			w.e.hosts.suspect(c)
		}
		w.e.drop(c, err)
		return 0, err
	}
	if warned, _ := c.CustomData()[pgWarned].(bool); warned {
		return 0, errors.New("store: the server could not replicate a commit")
	}
	return seq, pgRow{answers: st.answers}.Scan(&seq)
}
