package store_test

import (
	"bytes"
	"context"
	"errors"
	"fmt"
	"sync"
	"testing"
	"time"

	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/store"
)

// claim asks for one key as a node would: with a fresh seed and its own lease of a minute.
type claim struct {
	db      *store.DB
	project checkout.ProjectID
}

func (c claim) by(t *testing.T, node, fingerprint string, now time.Time, gone ...string) (store.IdempotentState, *store.Idempotent) {
	t.Helper()
	var state store.IdempotentState
	var rec *store.Idempotent
	must(t, c.db, func(tx *store.Tx) (err error) {
		state, rec, err = tx.ClaimIdempotent(&store.Idempotent{
			Project: c.project, Key: "key", Fingerprint: []byte(fingerprint), Seed: seed(),
			Lease: store.Lease{Owner: node, Until: now.Add(time.Minute)},
		}, now, func(owner string) bool {
			for _, g := range gone {
				if g == owner {
					return true
				}
			}
			return false
		})
		return err
	})
	return state, rec
}

func (c claim) finish(rec *store.Idempotent, answer string) error {
	return c.db.Tx(context.Background(), func(tx *store.Tx) error { return tx.FinishIdempotent(rec, 201, []byte(answer)) })
}

// TestClaimIdempotent takes one key through its life.
func TestClaimIdempotent(t *testing.T) {
	t.Parallel()
	path := newPath(t)
	c := claim{openAt(t, path, store.Options{}), newProject()}
	want := func(what string, got, wanted store.IdempotentState) {
		t.Helper()
		if got != wanted {
			t.Fatalf("%s: state %d, want %d", what, got, wanted)
		}
	}
	state, first := c.by(t, "n1", "f", noon)
	want("first", state, store.IdempotentNew)
	state, _ = c.by(t, "n1", "f", noon.Add(time.Second))
	want("the same, while it runs", state, store.IdempotentRunning)
	state, _ = c.by(t, "n2", "f", noon.Add(time.Minute-time.Microsecond))
	want("another node, before the lease is over", state, store.IdempotentRunning)
	state, _ = c.by(t, "n2", "g", noon.Add(time.Second))
	want("another request", state, store.IdempotentConflict)
	if state, _ = (claim{c.db, newProject()}).by(t, "n1", "g", noon); state != store.IdempotentNew {
		t.Errorf("another project's key: state %d", state)
	}

	state, second := c.by(t, "n2", "f", noon.Add(2*time.Second), "n1")
	want("taken over from a node that is gone", state, store.IdempotentNew)
	if second.Seed != first.Seed || !second.CreatedAt.Equal(noon) || second.Epoch != 2 {
		t.Errorf("taken over: seed kept %v, created %v, epoch %d", second.Seed == first.Seed, second.CreatedAt, second.Epoch)
	}
	state, third := c.by(t, "n3", "f", noon.Add(2*time.Second+time.Minute))
	want("taken over after the lease", state, store.IdempotentNew)
	if third.Seed != first.Seed || third.Epoch != 3 {
		t.Errorf("taken over: seed kept %v, epoch %d", third.Seed == first.Seed, third.Epoch)
	}
	if err := c.finish(second, "late"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("the node that was given up finishes: %v", err)
	}
	must(t, c.db, func(tx *store.Tx) error { return tx.LapseIdempotent(second) }) // must end nobody's lease
	if err := c.finish(third, "answer"); err != nil {
		t.Fatal(err)
	}
	if err := c.finish(third, "again"); !errors.Is(err, store.ErrConflict) {
		t.Errorf("finished twice: %v", err)
	}

	end := noon.Add(checkout.IdempotencyWindow)
	before := commits(t, path)
	state, rec := c.by(t, "n4", "f", end.Add(-time.Microsecond))
	want("replay", state, store.IdempotentReplay)
	if rec.Status != 201 || !bytes.Equal(rec.Body, []byte("answer")) {
		t.Errorf("replayed %d %q", rec.Status, rec.Body)
	}
	if commits(t, path) != before+1 {
		t.Error("a replay was answered without a committed write")
	}
	state, _ = c.by(t, "n4", "g", end.Add(-time.Microsecond))
	want("another request, after the answer", state, store.IdempotentConflict)
	state, rec = c.by(t, "n4", "g", end)
	want("the window is over", state, store.IdempotentNew)
	if rec.Seed == first.Seed || !rec.CreatedAt.Equal(end) || rec.Status != 0 {
		t.Errorf("a new use of an old key has its seed %v, time %v, status %d", rec.Seed == first.Seed, rec.CreatedAt, rec.Status)
	}
	must(t, c.db, func(tx *store.Tx) error { return tx.LapseIdempotent(rec) })
	state, again := c.by(t, "n4", "g", end)
	want("after an answer that is not kept", state, store.IdempotentNew)
	if again.Seed != rec.Seed {
		t.Error("a new run after an answer that is not kept has another seed, and would not find what the first wrote")
	}
}

// TestClaimIdempotentRace: of many who claim a key at once, one runs.
func TestClaimIdempotentRace(t *testing.T) {
	t.Parallel()
	c := claim{open(t, store.Options{}), newProject()}
	states := make([]store.IdempotentState, 48)
	var all sync.WaitGroup
	for i := range states {
		all.Go(func() { states[i], _ = c.by(t, fmt.Sprint("n", i), "f", noon) })
	}
	all.Wait()
	n := map[store.IdempotentState]int{}
	for _, s := range states {
		n[s]++
	}
	if n[store.IdempotentNew] != 1 || n[store.IdempotentRunning] != 47 {
		t.Errorf("states %v", n)
	}
}

// TestPruneIdempotent removes what is over, the oldest first, and nothing else: not a key that was used anew since it was
// found, nor another project's.
func TestPruneIdempotent(t *testing.T) {
	t.Parallel()
	db := open(t, store.Options{})
	projects := make([]checkout.ProjectID, 5)
	for i := range projects {
		projects[i] = newProject()
		claim{db, projects[i]}.by(t, "n", "f", noon.Add(time.Duration(i)*time.Second))
	}
	before := noon.Add(3 * time.Second)
	var pruned []int64
	for range 3 {
		stale, err := db.StaleIdempotent(t.Context(), before, 2)
		if err != nil {
			t.Fatal(err)
		}
		sum := int64(0)
		for project, keys := range stale {
			must(t, db, func(tx *store.Tx) error {
				for _, p := range append([]checkout.ProjectID{project}, projects[3:]...) {
					n, err := tx.PruneIdempotent(p, keys, before)
					if sum += n; err != nil {
						return err
					}
				}
				return nil
			})
		}
		pruned = append(pruned, sum)
	}
	if fmt.Sprint(pruned) != "[2 1 0]" {
		t.Errorf("pruned %v, want 2, 1, 0", pruned)
	}
	for i, p := range projects {
		state, _ := claim{db, p}.by(t, "n", "f", noon.Add(4*time.Second))
		if kept := state == store.IdempotentRunning; kept != (i >= 3) {
			t.Errorf("record %d: kept %v", i, kept)
		}
	}
}
