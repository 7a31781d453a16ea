package durability_test

import (
	"database/sql"
	"fmt"
	"math/rand/v2"
	"os"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

const (
	writers  = 12
	checkers = 48 // more, because a replay waits for its commit
)

// TestKill kills the server under load, again and again on the same data, and wants everything acknowledged back each time.
func TestKill(t *testing.T) {
	t.Parallel()
	rounds := 12
	if testing.Short() {
		rounds = 3
	}
	if sliproadtest.OnPostgres() {
		rounds = min(rounds, 5)
	}
	seed := rand.Uint64()
	t.Logf("seed %d", seed)
	random := rand.New(rand.NewPCG(seed, 0))
	s := sliproadtest.Start(t, sliproadtest.Env(quickGateway))
	var all, unsettled []*record
	acknowledged, unsure := 0, 0
	for round := range rounds {
		acks := 1 + random.IntN(600)
		records := loadUntilKilled(t, s, fmt.Sprint(round), random, acks)
		acknowledged += acks
		if !sliproadtest.OnPostgres() {
			autopsy(t, s.Database())
		}
		s.Restart()
		sure, doubtful := parted(records)
		unsure += len(doubtful)
		if sliproadtest.OnPostgres() { // what was under way is settled when the leases of the dead have ended
			records, unsettled = sure, append(unsettled, doubtful...)
		} else {
			records = settleAll(t, s, records)
		}
		verifyAll(t, s, append(sample(random, all, 25), records...))
		all = append(all, records...)
		if t.Failed() {
			t.Fatalf("lost in round %d", round)
		}
	}
	unsettled = settleAll(t, s, unsettled)
	verifyAll(t, s, unsettled)
	all = append(all, unsettled...)
	t.Logf("%d kills, %d+ acknowledged writes, %d in doubt", rounds, acknowledged, unsure)
	sessions, orders := listTotals(t, s, "sessions", sessionStatuses), listTotals(t, s, "orders", orderStatuses)
	s.Stop()
	db := inspect(t, s)
	wantSound(t, db)
	wantTotals(t, db, "sessions", sessions)
	wantTotals(t, db, "orders", orders)
	audit(t, db, all)
}

// parted parts the records that have a wish in doubt from the others.
func parted(records []*record) (sure, doubtful []*record) {
	for _, r := range records {
		if r.doubt == nil {
			sure = append(sure, r)
		} else {
			doubtful = append(doubtful, r)
		}
	}
	return sure, doubtful
}

// loadUntilKilled runs the writers and kills the server once so many of their requests are acknowledged.
func loadUntilKilled(t *testing.T, s *sliproadtest.Server, name string, random *rand.Rand, acks int) []*record {
	t.Helper()
	enough := make(chan struct{})
	var acked atomic.Int64
	acted := func() {
		if acked.Add(1) == int64(acks) {
			close(enough)
		}
	}
	var crowd []*writer
	var running sync.WaitGroup
	for i := range writers {
		w := newWriter(t, s, fmt.Sprintf("%s.%d", name, i), random.Uint64(), acted)
		crowd = append(crowd, w)
		running.Go(w.run)
	}
	select {
	case <-enough:
	case <-time.After(20 * time.Second):
		t.Errorf("only %d of %d requests acknowledged within 20 s", acked.Load(), acks)
	}
	s.Kill()
	running.Wait()
	var records []*record
	for _, w := range crowd {
		records = append(records, w.records...)
	}
	return records
}

// each lets the writers work on the records.
func each(t *testing.T, s *sliproadtest.Server, records []*record, do func(w *writer, r *record)) {
	t.Helper()
	work := make(chan *record)
	var running sync.WaitGroup
	for range checkers {
		w := newWriter(t, s, "", 0, func() {})
		running.Go(func() {
			for r := range work {
				do(w, r)
			}
		})
	}
	for _, r := range records {
		work <- r
	}
	close(work)
	running.Wait()
}

func settleAll(t *testing.T, s *sliproadtest.Server, records []*record) (told []*record) {
	t.Helper()
	var mu sync.Mutex
	each(t, s, records, func(w *writer, r *record) {
		if w.settle(r) {
			mu.Lock()
			defer mu.Unlock()
			told = append(told, r)
		}
	})
	return told
}

func verifyAll(t *testing.T, s *sliproadtest.Server, records []*record) {
	t.Helper()
	each(t, s, records, (*writer).verify)
}

func sample(random *rand.Rand, from []*record, most int) []*record {
	var some []*record
	for _, i := range random.Perm(len(from))[:min(most, len(from))] {
		some = append(some, from[i])
	}
	return some
}

var (
	sessionStatuses = []string{"", "pending", "confirmed", "processing", "completed", "cancelled", "expired"}
	orderStatuses   = []string{"", "created", "pending", "processing", "completed", "failed", "cancelled", "expired", "refunded"}
)

// listTotals are the totals that the lists tell, by status; "" is without a filter.
func listTotals(t *testing.T, s *sliproadtest.Server, resource string, statuses []string) map[string]int {
	t.Helper()
	totals := map[string]int{}
	for _, status := range statuses {
		path := "/v1/" + resource + "?pageSize=1"
		if status != "" {
			path += "&status=" + status
		}
		list := sliproadtest.Decode[api.List[any]](t, s.Secret().Get(t, path))
		totals[status] = int(list.Pagination.Total)
	}
	return totals
}

func wantTotals(t *testing.T, db *sql.DB, table string, totals map[string]int) {
	t.Helper()
	rows := counts(t, db, "select status, count(*) from "+table+" group by status")
	all := 0
	for _, n := range rows {
		all += n
	}
	rows[""] = all
	for status, total := range totals {
		if total != rows[status] {
			t.Errorf("the list of %s with status %q told a total of %d; the table has %d rows", table, status, total, rows[status])
		}
	}
}

// audit holds the outbox to the records: one event for each acknowledged change.
func audit(t *testing.T, db *sql.DB, records []*record) {
	t.Helper()
	events := counts(t, db, "select session_id || ' ' || order_id || ' ' || type, count(*) from events group by 1")
	want := func(r *record, order, kind string) {
		if n := events[r.id+" "+order+" "+kind]; n != 1 {
			t.Errorf("session %s, order %q: %d events %s, want 1", r.id, order, n, kind)
		}
	}
	for _, r := range records {
		want(r, "", "session.created")
		if r.confirmed {
			want(r, "", "session.confirmed")
		}
		if r.cancelled {
			want(r, "", "session.cancelled")
		}
		if r.order != "" {
			want(r, r.order, "transaction.pending")
		}
		for _, status := range r.statuses {
			if status != "pending" { // an order's own pending is told by no event
				want(r, r.order, "transaction."+status)
			}
		}
	}
}

// TestKillWhileStarting kills the very first start at any moment; the next start must work, with one lasting set of keys.
func TestKillWhileStarting(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "the first start of a development server")
	binary := sliproadtest.Build(t)
	tries := 16
	if testing.Short() {
		tries = 4
	}
	for range tries {
		dir := t.TempDir()
		sliproadtest.RunUntil(t, binary, time.After(time.Duration(rand.Int64N(int64(60*time.Millisecond)))),
			"dev", "--json", "--addr", "127.0.0.1:0", "--data", dir)
		s := sliproadtest.Start(t, sliproadtest.Dir(dir))
		secret := s.SecretKey
		sliproadtest.Decode[api.Session](t, s.Secret().Post(t, "/v1/sessions", api.CreateSessionRequest{ExternalCustomerID: "first"}))
		s.Restart()
		if s.SecretKey != secret {
			t.Fatal("the keys have changed")
		}
		s.Secret().Get(t, "/v1/sessions")
		s.Stop()
		if _, err := os.Stat(s.Database()); err != nil {
			t.Error(err)
		}
	}
}
