package cli_test

import (
	"bufio"
	"bytes"
	"crypto/hmac"
	"crypto/sha256"
	"database/sql"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"errors"
	"fmt"
	"io"
	"net/http"
	"net/http/httptest"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"slices"
	"strconv"
	"strings"
	"sync"
	"syscall"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"
)

const patience = 30 * time.Second

// atOnce has a program that is built with the race detector not sleep for a second when it ends.
var atOnce = []string{"GORACE=atexit_sleep_ms=0"}

// tool runs the program to its end.
func tool(t *testing.T, args ...string) (stdout, stderr string, code int) {
	t.Helper()
	var out, errOut bytes.Buffer
	cmd := command(atOnce, args...)
	cmd.Stdout, cmd.Stderr = &out, &errOut
	err := cmd.Run()
	var exit *exec.ExitError
	if err != nil && !errors.As(err, &exit) {
		t.Fatal(err)
	}
	return out.String(), errOut.String(), cmd.ProcessState.ExitCode()
}

// process is the program at work.
type process struct {
	cmd    *exec.Cmd
	stdout *lines
	stderr *lines
}

// lines gathers what a process writes.
type lines struct {
	mu   sync.Mutex
	text []string
	more chan struct{}
}

func gather(r io.Reader) *lines {
	l := &lines{more: make(chan struct{}, 1)}
	go func() {
		for scan := bufio.NewScanner(r); scan.Scan(); {
			l.mu.Lock()
			l.text = append(l.text, scan.Text())
			l.mu.Unlock()
			select {
			case l.more <- struct{}{}:
			default:
			}
		}
	}()
	return l
}

func (l *lines) all() []string {
	l.mu.Lock()
	defer l.mu.Unlock()
	return slices.Clone(l.text)
}

// await waits for a line that holds the text.
func (l *lines) await(t *testing.T, part string) string {
	t.Helper()
	deadline := time.After(patience)
	for {
		for _, line := range l.all() {
			if strings.Contains(line, part) {
				return line
			}
		}
		select {
		case <-l.more:
		case <-deadline:
			t.Fatalf("no line with %q, only:\n%s", part, strings.Join(l.all(), "\n"))
		}
	}
}

func start(t *testing.T, args ...string) *process {
	t.Helper()
	cmd := command(atOnce, args...)
	outR, outW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	errR, errW, err := os.Pipe()
	if err != nil {
		t.Fatal(err)
	}
	cmd.Stdout, cmd.Stderr = outW, errW
	if err := cmd.Start(); err != nil {
		t.Fatal(err)
	}
	_, _ = outW.Close(), errW.Close()
	p := &process{cmd, gather(outR), gather(errR)}
	t.Cleanup(func() {
		if cmd.ProcessState == nil {
			_ = cmd.Process.Kill()
			_ = cmd.Wait()
		}
		_, _ = outR.Close(), errR.Close()
	})
	return p
}

// stop asks the process to end, as Ctrl-C does, and wants exit code 0.
func (p *process) stop(t *testing.T) {
	t.Helper()
	_ = p.cmd.Process.Signal(syscall.SIGINT)
	if err := p.cmd.Wait(); err != nil {
		t.Errorf("%s: %v\n%s", p.cmd.Args[1], err, strings.Join(p.stderr.all(), "\n"))
	}
}

func (p *process) kill() {
	_ = p.cmd.Process.Kill()
	_ = p.cmd.Wait()
}

// devServer is a development server in its own directory.
type devServer struct {
	*server
	data string
}

func dev(t *testing.T, data, addr string) *devServer {
	t.Helper()
	s := &devServer{launch(t, nil, "dev", "--json", "--addr", addr, "--data", data), data}
	t.Cleanup(s.kill)
	return s
}

// kill ends the server as a crash would.
func (s *devServer) kill() {
	if s.cmd.ProcessState == nil {
		_ = s.cmd.Process.Kill()
		_ = s.cmd.Wait()
	}
}

// call wants success, and reads the answer.
func (s *devServer) call(t *testing.T, method, path, body string) (answer map[string]any) {
	t.Helper()
	status, text := call(t, method, s.URL+path, s.SecretKey, body)
	if err := json.Unmarshal([]byte(text), &answer); err != nil || status >= 300 {
		t.Fatalf("%s %s: %d %s %v", method, path, status, text, err)
	}
	return answer
}

// trigger makes an event happen and returns what the command says of it.
func (s *devServer) trigger(t *testing.T, event string, flags ...string) (made triggered) {
	t.Helper()
	args := append([]string{"trigger", event, "--json", "--url", s.URL, "--data", s.data}, flags...)
	out, errOut, code := tool(t, args...)
	if code != 0 {
		t.Fatalf("trigger %s %v: exit code %d\n%s", event, flags, code, errOut)
	}
	if err := json.Unmarshal([]byte(out), &made); err != nil || strings.Count(out, "\n") != 1 {
		t.Fatalf("trigger --json printed %q: %v", out, err)
	}
	return made
}

type triggered struct {
	Event, EventID, SessionID, SessionStatus, ClientSecret, OrderID, OrderStatus, Note string
}

// received is a webhook as it arrived.
type received struct {
	Path   string
	Header http.Header
	Body   string
}

func (r received) id() string   { return r.Header.Get("webhook-id") }
func (r received) kind() string { return r.Header.Get("X-Webhook-Event") }

// receiver is a partner's backend. It answers what answer says, or 200.
type receiver struct {
	url    string
	mu     sync.Mutex
	got    []received
	more   chan struct{}
	answer func(r received) int
}

func receive(t *testing.T, answer func(received) int) *receiver {
	t.Helper()
	r := &receiver{more: make(chan struct{}, 1), answer: answer}
	srv := httptest.NewServer(http.HandlerFunc(func(w http.ResponseWriter, req *http.Request) {
		body, _ := io.ReadAll(req.Body)
		hook := received{req.URL.Path, req.Header, string(body)}
		status := http.StatusOK
		r.mu.Lock()
		r.got = append(r.got, hook)
		if r.answer != nil {
			status = r.answer(hook)
		}
		r.mu.Unlock()
		select {
		case r.more <- struct{}{}:
		default:
		}
		w.WriteHeader(status)
	}))
	t.Cleanup(srv.Close)
	r.url = srv.URL
	return r
}

func (r *receiver) all(path string) []received {
	r.mu.Lock()
	defer r.mu.Unlock()
	return slices.DeleteFunc(slices.Clone(r.got), func(h received) bool { return h.Path != path })
}

// await waits until n have come to the path.
func (r *receiver) await(t *testing.T, path string, n int) []received {
	t.Helper()
	deadline := time.After(patience)
	for {
		if got := r.all(path); len(got) >= n {
			return got
		}
		select {
		case <-r.more:
		case <-deadline:
			t.Fatalf("%d webhooks came to %s, want %d: %v", len(r.all(path)), path, n, kinds(r.all(path)))
		}
	}
}

func kinds(got []received) []string {
	out := make([]string, 0, len(got))
	for _, r := range got {
		out = append(out, r.kind())
	}
	return out
}

// wantSigned verifies both signatures as contract §4 describes them.
func wantSigned(t *testing.T, r received, secret string) {
	t.Helper()
	stamp := r.Header.Get("X-Webhook-Timestamp")
	sent, err := strconv.ParseInt(stamp, 10, 64)
	if age := time.Since(time.Unix(sent, 0)); err != nil || age > time.Minute || age < -time.Minute {
		t.Errorf("X-Webhook-Timestamp %q is not the time of sending", stamp)
	}
	mac := hmac.New(sha256.New, []byte(secret))
	mac.Write([]byte(stamp + "." + r.Body))
	if want := hex.EncodeToString(mac.Sum(nil)); r.Header.Get("X-Webhook-Signature") != want {
		t.Errorf("X-Webhook-Signature is %q, want %q", r.Header.Get("X-Webhook-Signature"), want)
	}
	key, err := base64.StdEncoding.DecodeString(strings.TrimPrefix(secret, "whsec_"))
	if err != nil {
		t.Fatal(err)
	}
	mac = hmac.New(sha256.New, key)
	mac.Write([]byte(r.id() + "." + r.Header.Get("webhook-timestamp") + "." + r.Body))
	if want := "v1," + base64.StdEncoding.EncodeToString(mac.Sum(nil)); r.Header.Get("webhook-signature") != want {
		t.Errorf("webhook-signature is %q, want %q", r.Header.Get("webhook-signature"), want)
	}
	var body struct{ ID, Type string }
	if err := json.Unmarshal([]byte(r.Body), &body); err != nil || body.ID != r.id() || body.Type != r.kind() {
		t.Errorf("the body's id and type are %q and %q, those of the headers %q and %q (%v)", body.ID, body.Type, r.id(), r.kind(), err)
	}
	if !strings.HasPrefix(r.Header.Get("X-Webhook-Delivery-Id"), "dlv_") {
		t.Errorf("X-Webhook-Delivery-Id is %q", r.Header.Get("X-Webhook-Delivery-Id"))
	}
}

// listen starts to listen and waits until it is ready.
func (s *devServer) listen(t *testing.T, r *receiver, path string, flags ...string) (*process, string) {
	t.Helper()
	p := start(t, append([]string{"listen", "--forward-to", r.url + path, "--url", s.URL, "--data", s.data}, flags...)...)
	p.stdout.await(t, "Ready ")
	return p, strings.TrimPrefix(p.stdout.await(t, "Your webhook signing secret is "), "Your webhook signing secret is ")
}

func TestListenSendsWhatAnEndpointGets(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	r := receive(t, nil)
	s.trigger(t, "transaction.failed") // before: not of interest
	const metadata = `{"note": "<b>&  \u00fc", "n": 12345678901234567890.50}`
	s.call(t, http.MethodPost, "/v1/webhooks", `{"url": "`+r.url+`/endpoint", "events": ["*", "order.completed"], "secret": "whsec_MDEyMzQ1Njc4OTAxMjM0NTY3ODkwMTIzNDU2Nzg5MDE="}`)
	p, secret := s.listen(t, r, "/listen", "--events", "*,order.completed")
	made := s.trigger(t, "order.completed", "--metadata", metadata)

	own := map[string]received{}
	for _, hook := range r.await(t, "/endpoint", 3) {
		own[hook.id()] = hook
	}
	got := r.await(t, "/listen", 3)
	if diff := cmp.Diff([]string{"transaction.pending", "transaction.completed", "order.completed"}, kinds(got), sortTail); diff != "" {
		t.Error(diff)
	}
	for _, hook := range got {
		wantSigned(t, hook, secret)
		want, ok := own[hook.id()]
		if !ok || want.Body != hook.Body {
			t.Errorf("the endpoint got for %s:\n%s\nlisten sent:\n%s", hook.id(), want.Body, hook.Body)
		}
		if diff := cmp.Diff(headerNames(want), headerNames(hook)); diff != "" {
			t.Errorf("headers of the endpoint's (-) and of listen's (+):\n%s", diff)
		}
		line := p.stdout.await(t, hook.id())
		if fields := strings.Fields(line); len(fields) != 7 || fields[1] != hook.kind() || fields[2] != made.OrderID || fields[3] != "200" || fields[5] != "ms" {
			t.Errorf("the line of %s is %q", hook.kind(), line)
		}
	}
	if !slices.ContainsFunc(got, func(h received) bool { return h.id() == made.EventID }) {
		t.Errorf("%s, which trigger names, did not come", made.EventID)
	}
	p.stop(t)

	again, same := s.listen(t, r, "/listen")
	if same != secret {
		t.Errorf("the second start signs with %s, the first with %s", same, secret)
	}
	again.stop(t)
}

// sortTail lets the two last events come in either order: they are of the same moment.
var sortTail = cmp.Transformer("sorted", func(in []string) [3]string {
	out := [3]string{}
	copy(out[:], in)
	slices.Sort(out[1:])
	return out
})

func headerNames(r received) []string {
	names := []string{}
	for name := range r.Header {
		names = append(names, name)
	}
	slices.Sort(names)
	return names
}

func TestListenLosesAndRepeatsNothing(t *testing.T) {
	t.Parallel()
	data := t.TempDir()
	s := dev(t, data, "127.0.0.1:0")
	addr := strings.TrimPrefix(s.URL, "http://")
	r := receive(t, nil)
	only := []string{"--events", "transaction.completed,transaction.failed"}
	p, secret := s.listen(t, r, "/", only...)
	var want []string
	happen := func(event string) {
		want = append(want, s.trigger(t, event).EventID)
	}

	happen("transaction.completed")
	r.await(t, "/", 1)
	s.kill() // what happened just before may not have been read yet
	p.stderr.await(t, "can't be reached")
	s = dev(t, data, addr)
	happen("transaction.failed")
	p.stderr.await(t, "Connected")
	r.await(t, "/", 2)
	happen("transaction.completed")
	s.kill() // between the event and the next look
	s = dev(t, data, addr)
	happen("transaction.failed")
	r.await(t, "/", 4)

	p.stop(t)
	happen("transaction.completed")
	happen("transaction.failed")
	p, same := s.listen(t, r, "/", only...)
	p.stdout.await(t, want[5]) // it is noted before it is shown
	p.kill()
	happen("transaction.completed")
	s.kill()
	s = dev(t, data, addr)
	p, _ = s.listen(t, r, "/", only...)
	got := r.await(t, "/", 7)
	p.stop(t)

	for _, hook := range got {
		wantSigned(t, hook, secret)
	}
	if diff := cmp.Diff(want, ids(got)); diff != "" {
		t.Errorf("events that happened (-) and that came (+):\n%s", diff)
	}
	if same != secret {
		t.Errorf("the secret is another after a restart")
	}
}

func TestListenRetriesAndSkips(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	tries := map[string]int{}
	r := receive(t, func(h received) int {
		tries[h.kind()]++
		if h.kind() == "transaction.failed" || (h.kind() == "session.created" && tries[h.kind()] == 1) {
			return http.StatusInternalServerError
		}
		return http.StatusNoContent
	})
	state := filepath.Join(t.TempDir(), "state.json")
	secret := "whsec_" + base64.StdEncoding.EncodeToString([]byte("a secret of one's own, 32 bytes."))
	args := []string{"listen", "--json", "--forward-to", r.url, "--url", s.URL, "--key", s.SecretKey, "--state", state, "--secret", secret}
	p := start(t, args...)
	ready := struct{ URL, ForwardTo, Secret, After string }{}
	if err := json.Unmarshal([]byte(p.stdout.await(t, "{")), &ready); err != nil || ready.Secret != secret || ready.URL != s.URL {
		t.Errorf("ready line %+v, %v", ready, err)
	}
	if _, errOut, code := tool(t, args...); code != 1 || !strings.Contains(errOut, "another sliproad listen") {
		t.Errorf("a second listen on the same state: exit code %d\n%s", code, errOut)
	}
	made := s.trigger(t, "transaction.failed")
	s.trigger(t, "session.cancelled")
	p.stdout.await(t, "session.cancelled")

	type outcome struct {
		Event    string
		Status   int
		Attempts int
		Skipped  bool
	}
	var got []outcome
	for _, line := range p.stdout.all()[1:] {
		var o struct {
			outcome
			OrderID   *string
			SessionID string
		}
		if err := json.Unmarshal([]byte(line), &o); err != nil {
			t.Errorf("%q: %v", line, err)
		}
		if strings.HasPrefix(o.Event, "transaction.") && (o.OrderID == nil || *o.OrderID != made.OrderID || o.SessionID != made.SessionID) {
			t.Errorf("the line is not of order %s: %s", made.OrderID, line)
		}
		got = append(got, o.outcome)
	}
	want := []outcome{
		{"session.created", 204, 2, false},
		{"transaction.pending", 204, 1, false},
		{"transaction.failed", 500, 4, true},
		{"session.created", 204, 1, false},
		{"session.cancelled", 204, 1, false},
	}
	if diff := cmp.Diff(want, got); diff != "" {
		t.Error(diff)
	}
	deliveries := map[string]string{}
	for _, hook := range r.all("/") {
		wantSigned(t, hook, secret)
		if id := deliveries[hook.id()]; id != "" && id != hook.Header.Get("X-Webhook-Delivery-Id") {
			t.Errorf("%s has several delivery ids", hook.kind())
		}
		deliveries[hook.id()] = hook.Header.Get("X-Webhook-Delivery-Id")
	}
	p.stop(t)
}

// write changes the server's database behind its back.
func (s *devServer) write(t *testing.T, statements string) {
	t.Helper()
	db, err := sql.Open("sqlite", "file:"+filepath.Join(s.data, "sliproad.db")+"?_pragma=busy_timeout(10000)&_txlock=immediate")
	if err != nil {
		t.Fatal(err)
	}
	defer db.Close()
	tx, err := db.BeginTx(t.Context(), nil)
	if err != nil {
		t.Fatal(err)
	}
	if _, err := tx.ExecContext(t.Context(), statements); err != nil {
		t.Fatal(err)
	}
	if err := tx.Commit(); err != nil {
		t.Fatal(err)
	}
}

// TestListenFindsLateEvents has events turn up behind others that have been sent already, as they do where many are
// written at a time, or a call is taken up again after a crash.
func TestListenFindsLateEvents(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	r := receive(t, nil)
	p, _ := s.listen(t, r, "/", "--events", "transaction.failed")
	first := s.trigger(t, "transaction.failed")
	second := s.trigger(t, "transaction.failed")
	r.await(t, "/", 2)
	want := []string{first.EventID, second.EventID}
	late := []string{"evt_" + strings.Repeat("0", 37), first.EventID[:len(first.EventID)-4] + "late"}
	s.write(t, `insert into events select project_id, column1, bucket, type, session_id, order_id, created_at + 1000, body
		from events, (values ('`+late[0]+`'), ('`+late[1]+`')) where id = '`+first.EventID+`';
		update counts set n = n + 2 where resource = 'event' and facet = 'transaction.failed';`)
	want = append(want, late...)
	r.await(t, "/", len(want))

	s.kill() // and comes back with an empty database
	for _, suffix := range []string{"", "-wal", "-shm"} {
		_ = os.Remove(filepath.Join(s.data, "sliproad.db"+suffix))
	}
	s = dev(t, s.data, strings.TrimPrefix(s.URL, "http://"))
	want = append(want, s.trigger(t, "transaction.failed").EventID)
	got := r.await(t, "/", len(want))
	p.stop(t)
	if diff := cmp.Diff(want, ids(got)); diff != "" {
		t.Errorf("events that turned up (-) and that came (+):\n%s", diff)
	}
	if messages := strings.Join(p.stderr.all(), "\n"); strings.Contains(messages, "turned up") {
		t.Errorf("listen missed something: %s", messages)
	}
}

func ids(got []received) []string {
	var out []string
	for _, r := range got {
		out = append(out, r.id())
	}
	return out
}

// TestListenCatchesUp sends more than it holds at a time, oldest first.
func TestListenCatchesUp(t *testing.T) {
	t.Parallel()
	const n = 1150
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	r := receive(t, nil)
	made := s.trigger(t, "transaction.failed")
	s.write(t, `with recursive k(i) as (select 1 union all select i + 1 from k where i < `+strconv.Itoa(n)+`)
		insert into events select project_id, id || printf('%05d', i), bucket, type, session_id, order_id, created_at + 10 * i, body
		from k, events where id = '`+made.EventID+`';
		update counts set n = n + `+strconv.Itoa(n)+` where resource = 'event' and facet = 'transaction.failed';`)
	p, _ := s.listen(t, r, "/", "--since", made.EventID)
	want := make([]string, 0, n)
	for i := 1; i <= n; i++ {
		want = append(want, fmt.Sprintf("%s%05d", made.EventID, i))
	}
	got := r.await(t, "/", n)
	p.stop(t)
	if diff := cmp.Diff(want, ids(got)); diff != "" {
		t.Error(diff)
	}
}

func TestListenSince(t *testing.T) {
	t.Parallel()
	s := dev(t, t.TempDir(), "127.0.0.1:0")
	first := s.trigger(t, "transaction.completed")
	s.trigger(t, "transaction.cancelled")
	all := []string{
		"session.created", "transaction.pending", "transaction.completed", "session.created", "transaction.pending", "transaction.cancelled",
	}
	for _, c := range []struct {
		since string
		flags []string
		want  []string
	}{
		{"beginning", nil, all},
		{first.EventID, nil, all[3:]},
		{"beginning", []string{"--events", "session.created,transaction.failed"}, []string{"session.created", "session.created"}},
	} {
		r := receive(t, nil)
		state := filepath.Join(t.TempDir(), "state.json")
		p, _ := s.listen(t, r, "/", append(c.flags, "--since", c.since, "--state", state)...)
		got := kinds(r.await(t, "/", len(c.want)))
		p.stop(t)
		if diff := cmp.Diff(c.want, got); diff != "" {
			t.Errorf("since %s %v:\n%s", c.since, c.flags, diff)
		}
	}
	_, errOut, code := tool(t, "listen", "--forward-to", "localhost:1", "--url", s.URL, "--data", s.data, "--since", "evt_000")
	if code != 1 || !strings.Contains(errOut, "no event evt_000") {
		t.Errorf("since an event that isn't: exit code %d\n%s", code, errOut)
	}
	_, errOut, code = tool(t, "listen", "--forward-to", "localhost:1", "--url", s.URL, "--key", s.SecretKey+"x", "--state", filepath.Join(t.TempDir(), "s"))
	if code != 1 || !strings.Contains(errOut, "INVALID_API_KEY") {
		t.Errorf("a wrong key: exit code %d\n%s", code, errOut)
	}
}

func TestToolsRefuseWrongFlags(t *testing.T) {
	t.Parallel()
	damaged := t.TempDir()
	if err := os.WriteFile(filepath.Join(damaged, "listen.json"), []byte(`{"projects":`), 0o600); err != nil {
		t.Fatal(err)
	}
	unused := (&url.URL{Scheme: "http", Host: "127.0.0.1:1"}).String()
	for name, c := range map[string]struct {
		args []string
		code int
		says string
	}{
		"no forward-to":      {[]string{"listen", "--key", "sk_test_x"}, 2, "--forward-to"},
		"forward-to no URL":  {[]string{"listen", "--key", "sk_test_x", "--forward-to", "ftp://x"}, 2, "is not a URL"},
		"unknown event":      {[]string{"listen", "--key", "sk_test_x", "--forward-to", "x", "--events", "a.b"}, 2, `no event "a.b"`},
		"short secret":       {[]string{"listen", "--key", "sk_test_x", "--forward-to", "x", "--secret", "whsec_1"}, 2, "--secret"},
		"strange since":      {[]string{"listen", "--key", "sk_test_x", "--forward-to", "x", "--since", "yesterday"}, 2, "--since"},
		"public key":         {[]string{"listen", "--key", "pk_test_x", "--forward-to", "x"}, 2, "secret key"},
		"no key":             {[]string{"listen", "--forward-to", "x", "--data", t.TempDir()}, 2, "there is no key"},
		"server no URL":      {[]string{"listen", "--key", "sk_test_x", "--forward-to", "x", "--url", "localhost"}, 2, "--url"},
		"damaged state":      {[]string{"listen", "--key", "sk_test_x", "--forward-to", "x", "--url", unused, "--data", damaged}, 1, "is damaged"},
		"trigger nothing":    {[]string{"trigger", "--key", "sk_test_x"}, 2, "event"},
		"trigger unknown":    {[]string{"trigger", "transaction.done", "--key", "sk_test_x"}, 2, "  transaction.late_payment\n"},
		"trigger live":       {[]string{"trigger", "transaction.failed", "--key", "sk_live_x"}, 2, "live project"},
		"metadata no object": {[]string{"trigger", "transaction.failed", "--key", "sk_test_x", "--metadata", "[1]"}, 2, "--metadata"},
		"strange type":       {[]string{"trigger", "transaction.failed", "--key", "sk_test_x", "--type", "buy"}, 2, "--type"},
		"order and amount":   {[]string{"trigger", "transaction.failed", "--key", "sk_test_x", "--order", "ord_1", "--amount", "1"}, 2, "--order"},
		"order of a session": {[]string{"trigger", "session.created", "--key", "sk_test_x", "--order", "ord_1"}, 2, "--order"},
		"session, no secret": {[]string{"trigger", "transaction.failed", "--key", "sk_test_x", "--session", "sess_1"}, 2, "--client-secret"},
		"trigger no server":  {[]string{"trigger", "transaction.failed", "--key", "sk_test_x", "--url", unused}, 1, "connection refused"},
	} {
		t.Run(name, func(t *testing.T) {
			t.Parallel()
			out, errOut, code := tool(t, c.args...)
			if code != c.code || !strings.Contains(errOut, c.says) {
				t.Errorf("exit code %d, want %d, and %q in:\n%s%s", code, c.code, c.says, out, errOut)
			}
		})
	}
}
