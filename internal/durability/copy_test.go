package durability_test

import (
	"context"
	"database/sql"
	"encoding/base64"
	"encoding/json"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"os"
	"path/filepath"
	"strings"
	"sync"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
	_ "github.com/jackc/pgx/v5/stdlib"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/pgtest"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// endpoint is a partner's, which is down, and answers 503, until it is up.
type endpoint struct {
	url string
	up  atomic.Bool

	mu  sync.Mutex
	got map[string]int // events by id, acknowledged
}

func newEndpoint(t *testing.T) *endpoint {
	t.Helper()
	e := &endpoint{got: map[string]int{}}
	server := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, r *http.Request) {
		body, _ := io.ReadAll(r.Body)
		var event struct{ ID string }
		if !e.up.Load() || json.Unmarshal(body, &event) != nil {
			w.WriteHeader(http.StatusServiceUnavailable)
			return
		}
		e.mu.Lock()
		defer e.mu.Unlock()
		e.got[event.ID]++
	}))
	t.Cleanup(server.Close)
	e.url = server.URL
	return e
}

func (e *endpoint) has(event string) bool {
	e.mu.Lock()
	defer e.mu.Unlock()
	return e.got[event] > 0
}

// answers are those to GET of each path.
func answers(t *testing.T, c *sliproadtest.Client, paths []string) map[string]string {
	t.Helper()
	all := map[string]string{}
	for _, p := range paths {
		a := c.Get(t, p)
		if !a.OK() {
			t.Errorf("GET %s: %v", p, a)
		}
		all[p] = string(a.Body)
	}
	return all
}

// onPostgres starts a production server on the database, with the keys of the development server.
func onPostgres(t *testing.T, s *sliproadtest.Server, url string, env ...string) (*sliproadtest.Server, error) {
	t.Helper()
	var keys struct{ MasterKey string }
	if err := json.Unmarshal(must(os.ReadFile(filepath.Join(s.Dir, "dev.json")))(t), &keys); err != nil {
		t.Fatal(err)
	}
	env = append([]string{"SLIPROAD_DATABASE_URL=" + url, "SLIPROAD_MASTER_KEY=" + keys.MasterKey, "SLIPROAD_ALLOW_PRIVATE_WEBHOOKS=yes"}, env...)
	return sliproadtest.Try(t, sliproadtest.Serve(), sliproadtest.Env(env...))
}

func postgres(t *testing.T, url string) *sql.DB {
	t.Helper()
	db, err := sql.Open("pgx", url)
	if err != nil {
		t.Fatal(err)
	}
	t.Cleanup(func() { _ = db.Close() })
	return db
}

// TestCopyToPostgres moves a server from SQLite to PostgreSQL. There it answers as before, an Idempotency-Key and a client
// secret of before are as good, an order goes on, and a webhook that was due is delivered.
func TestCopyToPostgres(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "what is copied is a file")
	url, e := pgtest.URL(t), newEndpoint(t)
	s := sliproadtest.Start(t)
	hook := sliproadtest.Decode[api.Webhook](t, s.Secret().Post(t, "/v1/webhooks", api.CreateWebhookRequest{URL: e.url, Events: []string{"*"}}))
	var sessions []*api.Session
	var created []sliproadtest.Answer
	for i := range 8 {
		req := sessionRequest
		req.ExternalCustomerID = fmt.Sprintf("Payer %d é", i)
		a := s.Secret().Post(t, "/v1/sessions", req, "Idempotency-Key", fmt.Sprintf("key-%d", i))
		created, sessions = append(created, a), append(sessions, sliproadtest.Decode[api.Session](t, a))
	}
	paid := sliproadtest.Decode[api.CreatedOrder](t, s.Public().Post(t, orderPath(sessions[0]), orderRequest(sessions[0]), "Idempotency-Key", "order"))
	open := sliproadtest.Decode[api.CreatedOrder](t, s.Public().Post(t, orderPath(sessions[1]), orderRequest(sessions[1])))
	simulate := func(s *sliproadtest.Client, order, status string) {
		sliproadtest.Decode[api.Order](t, s.Post(t, "/v1/test_helpers/orders/"+order+"/simulate", api.SimulateOrderRequest{Status: status}))
	}
	simulate(s.Secret(), paid.ID, "completed")
	wantStatus(t, s, sessions[0], "completed")
	events := sliproadtest.Decode[api.List[api.Event]](t, s.Secret().Get(t, "/v1/events")).Data
	if len(events) == 0 {
		t.Fatal("there are no events")
	}
	paths := []string{
		"/v1/sessions", "/v1/sessions?status=completed", "/v1/sessions?pageSize=3&page=2", "/v1/orders", "/v1/orders?status=completed", "/v1/events",
		"/v1/webhooks", "/v1/webhooks/" + hook.ID, "/v1/orders/" + paid.ID, "/v1/orders/" + open.ID, "/v1/sessions/" + sessions[5].ID,
	}
	before := answers(t, s.Secret(), paths)

	copyAll := []string{"copy", "--from", "sqlite:" + s.Database(), "--to", url}
	if out := s.Command(copyAll...); out.Code != 1 || !strings.Contains(out.Stderr, "a server or another copy runs on") {
		t.Errorf("a copy beside the server: %+v", out)
	}
	s.Stop()
	if out := s.Command(append(copyAll, "--verify")...); out.Code != 1 || !strings.Contains(out.Stderr, "the target: it is not a Sliproad database") {
		t.Errorf("a comparison before the copy: %+v", out)
	}
	for _, args := range [][]string{copyAll, append(copyAll, "--verify")} {
		out := s.Command(args...)
		if out.Code != 0 || out.Stderr != "" || strings.Count(out.Stdout, "✓") != strings.Count(out.Stdout, "\n")-2 {
			t.Fatalf("%v: %+v", args, out)
		}
	}

	if _, err := onPostgres(t, s, url, "SLIPROAD_MASTER_KEY="+base64.StdEncoding.EncodeToString(make([]byte, 32))); err == nil {
		t.Error("the target starts with another master key")
	}
	e.up.Store(true) // before a second attempt is made in vain, after which the third would be minutes away
	moved := must(onPostgres(t, s, url))(t)
	secret := moved.Client(s.SecretKey)
	if diff := cmp.Diff(before, answers(t, secret, paths)); diff != "" {
		t.Errorf("GET before and after:\n%s", diff)
	}
	for i, want := range created {
		req := sessionRequest
		req.ExternalCustomerID = fmt.Sprintf("Payer %d é", i)
		got := secret.Post(t, "/v1/sessions", req, "Idempotency-Key", fmt.Sprintf("key-%d", i))
		if got.Status != want.Status || string(got.Body) != string(want.Body) {
			t.Errorf("the replay of key-%d: %v, want %v", i, got, want)
		}
	}
	again := sliproadtest.Decode[api.CreatedOrder](t, moved.Client(s.PublicKey).Post(t, orderPath(sessions[0]), orderRequest(sessions[0]), "Idempotency-Key", "order"))
	if again.ID != paid.ID {
		t.Errorf("the replay of the order: %s, want %s", again.ID, paid.ID)
	}
	sliproadtest.Decode[api.CreatedOrder](t, moved.Client(s.PublicKey).Post(t, orderPath(sessions[2]), orderRequest(sessions[2])))
	simulate(secret, open.ID, "completed")
	if !await(func() bool { return e.has(events[0].ID) }) {
		t.Errorf("the event %s of before was not delivered", events[0].ID)
	}
	if out := s.Command(append(copyAll, "--verify")...); out.Code != 1 || !strings.Contains(out.Stderr, "the databases differ in ") || !strings.Contains(out.Stdout, "DIFFERS") {
		t.Errorf("a comparison after writes: %+v", out)
	}
	if out := s.Command(copyAll...); out.Code != 1 || !strings.Contains(out.Stderr, "it holds rows already") {
		t.Errorf("a second copy: %+v", out)
	}
}

// TestKilledCopy kills a copy wherever it is. What it has told the target is what the target has, no server starts on
// that, and the next run goes on from there, to the same end.
func TestKilledCopy(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "what is copied is a file")
	url := pgtest.URL(t)
	s := sliproadtest.Start(t)
	session := sliproadtest.Decode[api.Session](t, s.Secret().Post(t, "/v1/sessions", sessionRequest))
	s.Stop()
	source := openDatabase(t, s.Database(), "rw")
	const customers = 60_000
	if _, err := source.ExecContext(t.Context(), `insert into customers with recursive n (i) as (select 1 union all select i + 1 from n where i < $1)
		select 'p', 'cus_' || i, null, i from n`, customers); err != nil {
		t.Fatal(err)
	}
	if err := source.Close(); err != nil {
		t.Fatal(err)
	}
	target, binary := postgres(t, url), sliproadtest.Build(t)
	copied := func() (n int) {
		_ = target.QueryRowContext(t.Context(), `select copied from copy_progress where name = 'customers'`).Scan(&n) // there is no such table at first
		return n
	}
	kills, finished := 0, []string(nil)
	for least := 0; least < customers-10_000; {
		ctx, cancel := context.WithCancel(t.Context())
		moment := make(chan time.Time)
		go func() {
			defer close(moment)
			tick := time.NewTicker(awaitTick)
			defer tick.Stop()
			for ctx.Err() == nil && copied() <= least {
				<-tick.C
			}
		}()
		sliproadtest.RunUntil(t, binary, moment, "copy", "--from", "sqlite:"+s.Database(), "--to", url)
		cancel()
		<-moment
		var has int
		if err := target.QueryRowContext(t.Context(), `select count(*) from customers`).Scan(&has); err != nil {
			t.Fatal(err)
		}
		now := copied()
		if now == 0 && has == customers+1 { // it was faster than the look at it
			finished = []string{"--verify"}
			break
		}
		if now != has || now <= least {
			t.Fatalf("after kill %d the target has %d rows, and says %d; before it were %d", kills, has, now, least)
		}
		if kills++; kills == 1 {
			if moved, err := onPostgres(t, s, url); err == nil || !strings.Contains(moved.Log()+err.Error(), "copy that is not finished") {
				t.Errorf("a server on half a database: %v", err)
			}
		}
		least = now + 5_000
	}
	if kills == 0 {
		t.Error("the copy was not killed")
	}
	out := s.Command(append([]string{"copy", "--json", "--from", "sqlite:" + s.Database(), "--to", url}, finished...)...)
	if out.Code != 0 || strings.Contains(out.Stdout, `"same":false`) || !strings.Contains(out.Stdout, fmt.Sprintf(`"table":"customers","rows":%d,`, customers+1)) {
		t.Errorf("the last run: %+v", out)
	}
	moved := must(onPostgres(t, s, url))(t)
	sliproadtest.Decode[api.Session](t, moved.Client(s.SecretKey).Get(t, "/v1/sessions/"+session.ID))
}

// TestCopyKeepsPasswords: what is wrong is told without the password of the URL.
func TestCopyKeepsPasswords(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	s.Stop()
	good := pgtest.URL(t)
	secret := strings.Replace(good, "@", ":hunter2@", 1)
	if secret == good {
		t.Fatalf("%s has no user", good)
	}
	for _, args := range [][]string{
		{"--from", "sqlite:" + s.Database(), "--to", "postgres://u:hunter2@127.0.0.1:1/d"},
		{"--from", "postgres://u:hunter2@127.0.0.1:1/d", "--to", "sqlite:" + filepath.Join(t.TempDir(), "x.db")},
		{"--from", "sqlite:" + s.Database(), "--to", "postgres://u:hunter2@127.0.0.1:port/d"},
		{"--from", "sqlite:" + s.Database(), "--to", "mysql://u:hunter2@h/d"},
		{"--from", "sqlite:" + s.Database(), "--to", secret + "&sslrootcert=/none/hunter2"},
		{"--from", "sqlite:/none/x.db", "--to", secret},
		{"--from", "sqlite:" + s.Database(), "--to", secret},
		{"--from", "sqlite:" + s.Database(), "--to", secret},
		{"--from", secret, "--to", secret},
	} {
		out := s.Command(append([]string{"copy"}, args...)...)
		if strings.Contains(out.Stdout+out.Stderr, "hunter2") {
			t.Errorf("%v: %+v", args, out)
		}
	}
}
