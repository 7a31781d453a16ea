package durability_test

import (
	"context"
	"encoding/json"
	"fmt"
	"net/http"
	"os"
	"os/exec"
	"path/filepath"
	"strings"
	"sync"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// load makes sessions until it is told to end, and keeps those that were acknowledged.
type load struct {
	server *sliproadtest.Server
	mu     sync.Mutex
	acked  []*api.Session
	grown  chan struct{} // a token after each
	stop   context.CancelFunc
	over   sync.WaitGroup
}

func startLoad(t *testing.T, s *sliproadtest.Server) *load {
	t.Helper()
	ctx, stop := context.WithCancel(t.Context())
	l := &load{server: s, grown: make(chan struct{}, 1), stop: stop}
	for i := range writers {
		l.over.Go(func() {
			for n := 0; ctx.Err() == nil; n++ {
				req := sessionRequest
				req.ExternalCustomerID = fmt.Sprintf("payer-%d-%d", i, n)
				a, err := s.Secret().Do(ctx, http.MethodPost, "/v1/sessions", req)
				if err != nil {
					if ctx.Err() == nil {
						t.Errorf("create: %v", err)
					}
					return
				}
				session := new(api.Session)
				if !a.OK() || json.Unmarshal(a.Body, session) != nil {
					t.Errorf("create: %v", a)
					return
				}
				l.mu.Lock()
				l.acked = append(l.acked, session)
				l.mu.Unlock()
				select {
				case l.grown <- struct{}{}:
				default:
				}
			}
		})
	}
	return l
}

// await waits for so many to be acknowledged and returns them.
func (l *load) await(t *testing.T, n int) []*api.Session {
	t.Helper()
	timeout := time.After(20 * time.Second)
	for {
		l.mu.Lock()
		all := l.acked[:len(l.acked):len(l.acked)]
		l.mu.Unlock()
		if len(all) >= n {
			return all
		}
		select {
		case <-l.grown:
		case <-timeout:
			t.Fatalf("only %d of %d sessions acknowledged within 20 s", len(all), n)
		}
	}
}

func (l *load) end() []*api.Session {
	l.stop()
	l.over.Wait()
	return l.acked
}

// copied is the line of JSON of backup and restore.
type copied struct {
	File          string
	Bytes         int64
	SchemaVersion int64
	Rows          map[string]int
	KeptAs        string
}

// ran is a command's line of JSON; the command must have succeeded, and said nothing else.
func ran(t *testing.T, out sliproadtest.Output) (c copied) {
	t.Helper()
	if out.Code != 0 || out.Stderr != "" || json.Unmarshal([]byte(out.Stdout), &c) != nil {
		t.Fatalf("%+v", out)
	}
	return c
}

// TestBackupUnderLoad makes copies of a database that is being written. Each has all that was acknowledged before it
// began; a server on the last one, restored, answers for all of that, and goes on.
func TestBackupUnderLoad(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "sliproad backup copies a file")
	s := sliproadtest.Start(t)
	session := sliproadtest.Decode[api.Session](t, s.Secret().Post(t, "/v1/sessions", sessionRequest))
	order := sliproadtest.Decode[api.CreatedOrder](t, s.Public().Post(t, orderPath(session), orderRequest(session)))
	l := startLoad(t, s)
	dir := t.TempDir()
	var before []*api.Session
	var last copied
	for i := range 4 {
		before = l.await(t, 200*(i+1))
		last = ran(t, s.Command("backup", "--json", filepath.Join(dir, fmt.Sprintf("%d.db", i))))
		wantMode(t, last.File, 0o600)
		db := openDatabase(t, last.File, "ro")
		wantSound(t, db)
		wantCount(t, db, last.Rows["sessions"], "select count(*) from sessions")
		if got, most := last.Rows["sessions"]-1, len(before); got < most {
			t.Errorf("backup %d has %d sessions, %d were acknowledged before", i, got, most)
		}
		l.await(t, len(before)+writers+1) // writers went on
	}
	all := l.end()

	if out := s.Command("restore", "--force", last.File); out.Code != 1 || !strings.Contains(out.Stderr, "a server runs on") {
		t.Errorf("a restore beside a server: %+v", out)
	}
	sliproadtest.Decode[api.Session](t, s.Secret().Get(t, "/v1/sessions/"+all[len(all)-1].ID))
	s.Stop()
	if out := s.Command("restore", last.File); out.Code != 1 || !strings.Contains(out.Stderr, "is there already") {
		t.Errorf("a restore over a database: %+v", out)
	}
	restored := ran(t, s.Command("restore", "--force", "--json", last.File))
	wantMode(t, s.Database(), 0o600)
	wantMode(t, restored.KeptAs, 0o600)
	kept := openDatabase(t, restored.KeptAs, "ro")
	wantSound(t, kept)
	if n := count(t, kept, "select count(*) from sessions"); n < 1+len(all) {
		t.Errorf("the database kept aside has %d sessions, %d were acknowledged", n, 1+len(all))
	}

	s.Restart()
	for _, want := range append(sampleOf(before, 50), session) {
		got := sliproadtest.Decode[api.Session](t, s.Secret().Get(t, "/v1/sessions/"+want.ID))
		stable := func(s *api.Session) api.SessionAttributes { // without what changes or is shown once
			a := s.Attributes
			a.ClientSecret, a.CheckoutURL, a.Status, a.OrderID = "", "", "", nil
			return a
		}
		if d := cmp.Diff(stable(want), stable(got)); d != "" {
			t.Errorf("session %s, acknowledged and restored:\n%s", want.ID, d)
		}
	}
	// It is the same server still: an order goes on, and a client secret of before opens its session.
	sliproadtest.Decode[api.Order](t, s.Secret().Post(t, "/v1/test_helpers/orders/"+order.ID+"/simulate", api.SimulateOrderRequest{Status: "completed"}))
	wantStatus(t, s, session, "completed")
	confirm(t, s, before[0])
	s.Stop()
	db := openDatabase(t, s.Database(), "ro")
	wantSound(t, db)
	wantCount(t, db, restored.Rows["sessions"], "select count(*) from sessions")
}

// sampleOf is n of them, evenly spread, the first and the last among them.
func sampleOf(all []*api.Session, n int) (some []*api.Session) {
	for i := range n {
		some = append(some, all[i*(len(all)-1)/(n-1)])
	}
	return some
}

func wantMode(t *testing.T, path string, want os.FileMode) {
	t.Helper()
	if info := must(os.Stat(path))(t); info.Mode().Perm() != want {
		t.Errorf("%s has mode %v, want %v", path, info.Mode(), want)
	}
}

// TestBackupOfTheKilled copies what kill -9 left: a database most of which is still in its log.
func TestBackupOfTheKilled(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "sliproad backup copies a file")
	s := sliproadtest.Start(t)
	session := sliproadtest.Decode[api.Session](t, s.Secret().Post(t, "/v1/sessions", sessionRequest))
	s.Kill()
	if info := must(os.Stat(s.Database() + "-wal"))(t); info.Size() == 0 {
		t.Fatal("nothing is in the log")
	}
	file := filepath.Join(t.TempDir(), "copy.db")
	if got := ran(t, s.Command("backup", "--json", file)); got.Rows["sessions"] != 1 {
		t.Errorf("the backup has %v", got.Rows)
	}
	restored := ran(t, s.Command("restore", "--force", "--json", file))
	wantCount(t, openDatabase(t, restored.KeptAs, "ro"), 1, "select count(*) from sessions where id = $1", session.ID)
	s.Restart()
	sliproadtest.Decode[api.Session](t, s.Secret().Get(t, "/v1/sessions/"+session.ID))
}

// TestBackupKilled kills backups at many moments: a file that has the name is whole, and the next backup is not hindered.
func TestBackupKilled(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "sliproad backup copies a file")
	s := sliproadtest.Start(t)
	l := startLoad(t, s)
	l.await(t, 500)
	file := filepath.Join(t.TempDir(), "copy.db")
	named := 0
	for i := range 12 {
		sliproadtest.RunUntil(t, sliproadtest.Build(t), time.After(time.Duration(i)*6*time.Millisecond),
			"backup", "--force", "--database-url", "sqlite:"+s.Database(), file)
		if _, err := os.Stat(file); err == nil {
			named++
			integrity(t, openDatabase(t, file, "ro"))
		}
	}
	t.Logf("after %d of 12 the name was there", named)
	ran(t, s.Command("backup", "--force", "--json", file))
	l.end()
	if left := must(filepath.Glob(file + "?*"))(t); len(left) > 0 {
		t.Errorf("left behind: %v", left)
	}
}

// TestRestoreInUse: a database that another program has open is not replaced under it.
func TestRestoreInUse(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "sliproad backup copies a file")
	s := sliproadtest.Start(t)
	file := filepath.Join(t.TempDir(), "copy.db")
	ran(t, s.Command("backup", "--json", file))
	s.Stop()
	db := openDatabase(t, s.Database(), "rw")
	wantCount(t, db, 0, "select count(*) from sessions")
	if out := s.Command("restore", "--force", file); out.Code != 1 || !strings.Contains(out.Stderr, "another program has the database open") {
		t.Errorf("%+v", out)
	}
	if err := db.Close(); err != nil {
		t.Fatal(err)
	}
	ran(t, s.Command("restore", "--force", "--json", file))
}

// TestRestoreChecksKeys: keys that are given must be the backup's; without any, they are named as what is needed.
func TestRestoreChecksKeys(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "sliproad backup copies a file")
	const right, wrong = "AAECAwQFBgcICQoLDA0ODxAREhMUFRYXGBkaGxwdHh8=", "ICEiIyQlJicoKSorLC0uLzAxMjM0NTY3ODk6Ozw9Pj8="
	s := sliproadtest.Start(t, sliproadtest.Serve(), sliproadtest.Env("SLIPROAD_MASTER_KEY="+right))
	file := filepath.Join(t.TempDir(), "copy.db")
	ran(t, s.Command("backup", "--json", file))
	s.Stop()
	for _, c := range []struct {
		keys string
		code int
		says string
	}{
		{"", 0, "The server needs the master keys that it had"},
		{right, 0, "The master keys are those of the backup"},
		{wrong + "," + right, 0, "The master keys are those of the backup"},
		{wrong, 1, "nothing was restored: the master keys are not those of this backup"},
		{"no key", 1, "--master-key (SLIPROAD_MASTER_KEY): "},
	} {
		to := filepath.Join(t.TempDir(), "new.db")
		out := sliproadtest.Run(t, sliproadtest.Build(t), []string{"SLIPROAD_MASTER_KEY=" + c.keys}, "restore", "--database-url", "sqlite:"+to, file)
		if out.Code != c.code || !strings.Contains(out.Stdout+out.Stderr, c.says) {
			t.Errorf("keys %q: want %d and %q, got %+v", c.keys, c.code, c.says, out)
		}
		if _, err := os.Stat(to); (err == nil) != (c.code == 0) {
			t.Errorf("keys %q: the database: %v", c.keys, err)
		}
	}
}

// TestBackupScript runs the script of docs/operating.md, as written.
func TestBackupScript(t *testing.T) {
	t.Parallel()
	sliproadtest.OnlySQLite(t, "sliproad backup copies a file")
	text := string(must(os.ReadFile("../../docs/operating.md"))(t))
	_, script, _ := strings.Cut(text, "### By a timer")
	_, script, _ = strings.Cut(script, "```sh\n")
	script, _, ok := strings.Cut(script, "```")
	if !ok {
		t.Fatal("docs/operating.md has lost its script")
	}
	s := sliproadtest.Start(t)
	dir, binary := t.TempDir(), sliproadtest.Build(t)
	old := []string{"sliproad-20260101T000000Z.db", "sliproad-20260102T000000Z.db", "sliproad-20260103T000000Z.db"}
	foreign := []string{"notes.txt", "sliproad-keep.db"}
	for _, name := range append(old, foreign...) {
		if err := os.WriteFile(filepath.Join(dir, name), []byte(name), 0o600); err != nil {
			t.Fatal(err)
		}
	}
	run := func(database string) error {
		cmd := exec.CommandContext(t.Context(), "sh", "-c", script, "sliproad-backup", dir, "2")
		cmd.Env = append(os.Environ(), "SLIPROAD_DATABASE_URL=sqlite:"+database, "PATH="+filepath.Dir(binary)+":"+os.Getenv("PATH"))
		out, err := cmd.CombinedOutput()
		t.Logf("%s", out)
		return err
	}
	names := func() (names []string) {
		for _, f := range must(os.ReadDir(dir))(t) {
			names = append(names, f.Name())
		}
		return names
	}
	if err := run(filepath.Join(dir, "none.db")); err == nil {
		t.Error("the script succeeds where the backup fails")
	}
	if d := cmp.Diff(append(foreign[:1:1], append(old, foreign[1])...), names()); d != "" {
		t.Errorf("after a backup that failed:\n%s", d)
	}
	if err := run(s.Database()); err != nil {
		t.Fatal(err)
	}
	got := names()
	if len(got) != 4 || got[0] != foreign[0] || got[1] != old[2] || got[3] != foreign[1] {
		t.Fatalf("after a backup, of which 2 are kept: %v", got)
	}
	integrity(t, openDatabase(t, filepath.Join(dir, got[2]), "ro"))
}
