package durability_test

import (
	"context"
	"fmt"
	"net/http"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestGracefulStop stops the server under load, several times: what it accepted is answered, and what it answered is kept.
func TestGracefulStop(t *testing.T) {
	t.Parallel()
	rounds := 6
	if testing.Short() {
		rounds = 2
	}
	s := sliproadtest.Start(t)
	var mu sync.Mutex
	made, unanswered := []string{}, []string{}
	for round := range rounds {
		var acked atomic.Int64
		enough := make(chan struct{})
		var running sync.WaitGroup
		for i := range 24 {
			secret := s.Secret()
			running.Go(func() {
				for n := 0; ; n++ {
					name := fmt.Sprintf("customer %d %d %d", round, i, n)
					a, err := secret.Do(context.Background(), http.MethodPost, "/v1/sessions", api.CreateSessionRequest{ExternalCustomerID: name})
					mu.Lock()
					if err != nil {
						unanswered = append(unanswered, name)
						mu.Unlock()
						return
					}
					made = append(made, name)
					mu.Unlock()
					if a.Status != http.StatusCreated {
						t.Errorf("%v", a)
						return
					}
					if acked.Add(1) == 300 {
						close(enough)
					}
				}
			})
		}
		select {
		case <-enough:
		case <-time.After(10 * time.Second):
			t.Errorf("only %d requests answered within 10 s", acked.Load())
		}
		s.Stop()
		running.Wait()
		if round+1 < rounds {
			s.Restart()
		}
	}
	t.Logf("%d answered, %d not", len(made), len(unanswered))
	db := inspect(t, s)
	wantSound(t, db)
	rows := counts(t, db, "select external_customer_id, count(*) from sessions group by 1")
	for _, name := range made {
		if rows[name] != 1 {
			t.Errorf("%s: answered 201, and there are %d sessions", name, rows[name])
		}
	}
	for _, name := range unanswered {
		if rows[name] != 0 {
			t.Errorf("%s: was carried out, but never answered", name)
		}
	}
}

// TestStopWaitsForTheGateway stops the server while a gateway takes its time: the order is made and answered.
func TestStopWaitsForTheGateway(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	session := newSession(t, s)
	body := orderRequest(session)
	body.Email = "slow@sandbox.test" // takes three seconds
	var a sliproadtest.Answer
	var ordering sync.WaitGroup
	ordering.Go(func() { a = s.Public().Post(t, orderPath(session), body) })
	wantStatus(t, s, session, "processing")
	s.Signal()
	ordering.Wait()
	s.Stopped()
	made := sliproadtest.Decode[api.CreatedOrder](t, a)
	db := inspect(t, s)
	wantSound(t, db)
	wantCount(t, db, 1, "select count(*) from orders where id = $1 and status = 'created'", made.ID)
}

// TestStopLeavesOneFile: after a clean end the database is the one file, whole, as whoever copies it expects.
func TestStopLeavesOneFile(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "a data directory")
	s := sliproadtest.Start(t)
	session := newSession(t, s)
	s.Stop()
	if info, err := os.Stat(s.Database() + "-wal"); err == nil && info.Size() > 0 {
		t.Errorf("the write-ahead log was left behind with %d bytes", info.Size())
	}
	copied := filepath.Join(t.TempDir(), "copy.db")
	if err := os.WriteFile(copied, must(os.ReadFile(s.Database()))(t), 0o600); err != nil {
		t.Fatal(err)
	}
	db := openDatabase(t, copied, "rw")
	wantSound(t, db)
	wantCount(t, db, 1, "select count(*) from sessions where id = $1", session.ID)
}

// TestOneServerAtATime starts a second server on the same data: it must refuse, say why, and leave the first alone.
func TestOneServerAtATime(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "a data directory")
	s := sliproadtest.Start(t)
	binary := sliproadtest.Build(t)
	for name, out := range map[string]sliproadtest.Output{
		"dev": sliproadtest.Run(t, binary, nil, "dev", "--json", "--addr", "127.0.0.1:0", "--data", s.Dir),
		"serve": sliproadtest.Run(t, binary, []string{
			"SLIPROAD_DATABASE_URL=sqlite:" + s.Database(), "SLIPROAD_ADDR=127.0.0.1:0", "SLIPROAD_METRICS_ADDR=off",
			"SLIPROAD_MASTER_KEY=" + oldKey,
		}, "serve", "--json"),
	} {
		if out.Code != 1 || out.Stdout != "" || !strings.Contains(out.Stderr, "another sliproad") || !strings.Contains(out.Stderr, s.Dir) {
			t.Errorf("a second server, %s: %+v", name, out)
		}
		if lines := strings.Count(strings.TrimSpace(out.Stderr), "\n"); lines > 1 {
			t.Errorf("a second server, %s, is not brief: %s", name, out.Stderr)
		}
	}
	newSession(t, s)
	s.Stop()
	s.Restart() // the lock went with the process
	newSession(t, s)
	s.Restart() // also with a killed one
	newSession(t, s)
}

// TestFirstStartRace starts several servers at once on an empty directory: the one that stays must have told the keys that
// the directory keeps.
func TestFirstStartRace(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "a data directory")
	rounds := 8
	if testing.Short() {
		rounds = 3
	}
	sliproadtest.Build(t) // beforehand, so that they start at once
	for range rounds {
		dir := t.TempDir()
		var mu sync.Mutex
		var ready []*sliproadtest.Server
		atOnce(4, func(int) {
			if s, err := sliproadtest.Try(t, sliproadtest.Dir(dir)); err == nil {
				mu.Lock()
				defer mu.Unlock()
				ready = append(ready, s)
			}
		})
		if len(ready) != 1 {
			t.Fatalf("%d of 4 servers serve the same directory, want 1", len(ready))
		}
		s := ready[0]
		told := s.SecretKey
		session := newSession(t, s)
		s.Restart()
		if s.SecretKey != told {
			t.Error("the server that stayed told other keys than the directory keeps")
		} else if a := tryConfirm(t, s, session); a.Status != http.StatusOK {
			t.Errorf("a clientSecret from before the restart: %v", a)
		}
		s.Stop()
	}
}
