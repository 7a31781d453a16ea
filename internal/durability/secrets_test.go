package durability_test

import (
	"bytes"
	"encoding/base64"
	"encoding/hex"
	"encoding/json"
	"fmt"
	"html"
	"maps"
	"net/http"
	"net/url"
	"os"
	"os/exec"
	"path/filepath"
	"regexp"
	"slices"
	"strings"
	"testing"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestSecrets runs everything that handles a secret, with all that can be logged, and then looks for every secret in the
// database's files, as they are in use, after kill -9 and after a clean end, and in the log.
func TestSecrets(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t, sliproadtest.Env("SLIPROAD_LOG_LEVEL=debug", "SLIPROAD_LOG_REQUESTS=yes"))
	v := &secrets{t: t, known: map[string]string{}}
	v.keys(s)
	v.project(s)
	ids := v.use(s, s.SecretKey, s.PublicKey)
	v.search(s, "running", ids)
	s.Kill()
	v.search(s, "killed", ids)
	s.Restart()
	v.use(s, s.SecretKey, s.PublicKey)
	s.Stop()
	v.search(s, "stopped", ids)
	if log := s.Log(); !strings.Contains(log, "op=createSession") && !strings.Contains(log, `"op":"createSession"`) {
		t.Errorf("the log holds nothing of the requests:\n%s", log)
	}
	if sliproadtest.OnPostgres() {
		return
	}
	for _, stray := range must(filepath.Glob(filepath.Join(s.Dir, "dev.json?*")))(t) {
		t.Errorf("a copy of the keys was left in %s", stray)
	}
	if info := must(os.Stat(filepath.Join(s.Dir, "dev.json")))(t); info.Mode().Perm() != 0o600 {
		t.Errorf("dev.json has mode %v", info.Mode())
	}
}

func must[T any](v T, err error) func(*testing.T) T {
	return func(t *testing.T) T {
		t.Helper()
		if err != nil {
			t.Fatal(err)
		}
		return v
	}
}

// secrets are the secrets that were seen, by text, with where they come from.
type secrets struct {
	t     *testing.T
	known map[string]string
	uses  int
	inLog map[string]string // those that may lie in the database, but not in a log
}

func (v *secrets) add(text, origin string) {
	v.t.Helper()
	if len(text) < 16 {
		v.t.Fatalf("%s: %q is no secret", origin, text)
	}
	v.known[text] = origin
}

// keys takes up the keys of a development server; the master key in each form in which it might be written.
func (v *secrets) keys(s *sliproadtest.Server) {
	v.t.Helper()
	masterKey := s.MasterKey()
	raw := must(base64.StdEncoding.DecodeString(masterKey))(v.t)
	v.add(masterKey, "master key, base64")
	v.add(base64.RawURLEncoding.EncodeToString(raw), "master key, base64 for URLs")
	v.add(hex.EncodeToString(raw), "master key, hex")
	v.add(string(raw), "master key, raw")
	v.key(s.SecretKey, "development")
	v.key(s.PublicKey, "development")
}

func (v *secrets) key(key, origin string) {
	v.t.Helper()
	v.add(key, origin)
	for _, prefix := range []string{"sk_test_", "pk_test_", "sess_secret_"} {
		if bare, ok := strings.CutPrefix(key, prefix); ok {
			v.add(bare, origin+", without its prefix")
		}
	}
}

// project makes a project, and creates, rotates and revokes keys beside the running server.
func (v *secrets) project(s *sliproadtest.Server) {
	v.t.Helper()
	var made struct{ ProjectID, SecretKey, PublicKey string }
	v.command(s, &made, "project", "create", "--name", "another", "--mode", "test", "--json")
	v.key(made.SecretKey, "project create")
	v.key(made.PublicKey, "project create")
	var created, rotated struct{ Key, KeyID string }
	v.command(s, &created, "key", "create", "--kind", "secret", "--project", made.ProjectID, "--json")
	v.key(created.Key, "key create")
	v.command(s, &rotated, "key", "rotate", created.KeyID, "--project", made.ProjectID, "--json")
	v.key(rotated.Key, "key rotate")
	v.use(s, rotated.Key, made.PublicKey)
	v.use(s, created.Key, made.PublicKey) // in its grace period
	v.command(s, &struct{}{}, "key", "revoke", rotated.KeyID, "--project", made.ProjectID, "--json")
}

func (v *secrets) command(s *sliproadtest.Server, into any, args ...string) {
	v.t.Helper()
	out := s.Command(args...)
	if err := json.Unmarshal([]byte(out.Stdout), into); err != nil || out.Code != 0 {
		v.t.Fatalf("sliproad %s: %+v %v", strings.Join(args, " "), out, err)
	}
}

// use goes through all requests, right and wrong, and returns ids that the database must hold, as proof that it was searched.
func (v *secrets) use(s *sliproadtest.Server, secretKey, publicKey string) []string {
	t := v.t
	t.Helper()
	secret, public := s.Client(secretKey), s.Client(publicKey)
	v.uses++
	key := fmt.Sprint("use ", v.uses)
	created := secret.Post(t, "/v1/sessions", sessionRequest, "Idempotency-Key", key)
	session := sliproadtest.Decode[api.Session](t, created)
	v.key(session.Attributes.ClientSecret, "session")
	path := "/v1/sessions/" + session.ID
	secret.Post(t, "/v1/sessions", sessionRequest, "Idempotency-Key", key)
	wrong := session.Attributes.ClientSecret[:len(session.Attributes.ClientSecret)-1]
	public.Post(t, path+"/confirm", api.ConfirmSessionRequest{ClientSecret: wrong})
	public.Post(t, path+"/confirm", api.ConfirmSessionRequest{ClientSecret: session.Attributes.ClientSecret}, "Idempotency-Key", "confirm "+session.ID)
	public.Post(t, path+"/confirm", []byte(`{"clientSecret":"`+session.Attributes.ClientSecret+`","broken`))
	public.Get(t, path)
	s.Client(secretKey+"x").Get(t, path) // an unknown key
	s.Client(publicKey).Get(t, "/v1/sessions")

	unavailable := orderRequest(session)
	unavailable.Email = "unavailable@sandbox.test"
	public.Post(t, orderPath(session), unavailable)
	order := sliproadtest.Decode[api.CreatedOrder](t, public.Post(t, orderPath(session), orderRequest(session), "Idempotency-Key", "order "+session.ID))
	v.pay(order)
	if paid := sliproadtest.Decode[api.Order](t, secret.Get(t, "/v1/orders/"+order.ID)); paid.Attributes.Status != "completed" {
		t.Errorf("after paying, the order is %s", paid.Attributes.Status)
	}
	secret.Get(t, "/v1/orders")
	secret.Post(t, "/v1/test_helpers/orders/"+order.ID+"/simulate", api.SimulateOrderRequest{Status: "refunded"})
	other := sliproadtest.Decode[api.Session](t, secret.Post(t, "/v1/sessions", sessionRequest))
	v.key(other.Attributes.ClientSecret, "session")
	secret.Post(t, "/v1/sessions/"+other.ID+"/cancel", nil)
	return []string{session.ID, order.ID, other.ID}
}

var hiddenToken = regexp.MustCompile(`name="t" value="([^"]+)"`)

// pay opens the sandbox's page and pays, as a browser would. The page's token opens that order's page only and is part of
// the checkout URL, which orders show; so it may be stored, but not logged.
func (v *secrets) pay(order *api.CreatedOrder) {
	t := v.t
	t.Helper()
	page, err := http.Get(order.Attributes.Checkout.URL)
	if err != nil {
		t.Fatal(err)
	}
	defer page.Body.Close()
	var text bytes.Buffer
	if _, err := text.ReadFrom(page.Body); err != nil || page.StatusCode != http.StatusOK {
		t.Fatalf("GET %s: %d %v", order.Attributes.Checkout.URL, page.StatusCode, err)
	}
	found := hiddenToken.FindStringSubmatch(text.String())
	if found == nil {
		t.Fatalf("the page has no token:\n%s", text.String())
	}
	token := html.UnescapeString(found[1])
	if v.inLog == nil {
		v.inLog = map[string]string{}
	}
	v.inLog[token] = "token of the sandbox's page"
	target := must(url.Parse(order.Attributes.Checkout.URL))(t)
	target.RawQuery = ""
	paid, err := http.PostForm(target.String(), url.Values{"t": {token}, "outcome": {"pay"}})
	if err != nil {
		t.Fatal(err)
	}
	defer paid.Body.Close()
	if paid.StatusCode != http.StatusOK {
		t.Errorf("paying: %d", paid.StatusCode)
	}
}

// search looks for every secret in every file of the data directory but dev.json, or every table, and in the log.
func (v *secrets) search(s *sliproadtest.Server, when string, ids []string) {
	v.t.Helper()
	places := s.AtRest(v.t)
	delete(places, "dev.json")
	if sliproadtest.OnPostgres() {
		places["pg_dump"] = dump(v.t, s.DatabaseURL())
	}
	for _, id := range ids {
		if !slices.ContainsFunc(slices.Collect(maps.Values(places)), func(text []byte) bool { return bytes.Contains(text, []byte(id)) }) {
			v.t.Errorf("%s: the database does not hold %s: the search would find nothing", when, id)
		}
	}
	log := maps.Clone(v.known)
	maps.Copy(log, v.inLog)
	v.find(when+": the log", []byte(s.Log()), log)
	for name, text := range places {
		v.find(when+": "+name, text, v.known)
		if bytes.Contains(text, []byte("sess_secret_")) {
			v.t.Errorf("%s: %s holds the beginning of a clientSecret", when, name)
		}
	}
}

// dump is what a backup of PostgreSQL holds: its bytes are in hexadecimal digits, and also as they were, since digits hide
// what they stand for.
func dump(t *testing.T, url string) []byte {
	t.Helper()
	var stderr bytes.Buffer
	cmd := exec.CommandContext(t.Context(), "pg_dump", url)
	cmd.Stderr = &stderr
	text, err := cmd.Output()
	if err != nil {
		t.Fatalf("pg_dump: %v\n%s", err, stderr.String())
	}
	for _, digits := range regexp.MustCompile(`\\x([0-9a-f]{2,})`).FindAllSubmatch(text, -1) {
		raw, err := hex.DecodeString(string(digits[1]))
		if err == nil {
			text = append(append(text, '\n'), raw...)
		}
	}
	return text
}

func (v *secrets) find(place string, text []byte, known map[string]string) {
	v.t.Helper()
	for secret, origin := range known {
		if bytes.Contains(text, []byte(secret)) {
			v.t.Errorf("%s holds a secret in the clear: %s", place, origin)
		}
	}
}
