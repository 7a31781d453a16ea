package contract_test

import (
	"bytes"
	"encoding/json"
	"fmt"
	"io"
	"maps"
	"math/rand/v2"
	"net/http"
	"regexp"
	"strings"
	"sync/atomic"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/internal/sliproadtest"
)

type obj = map[string]any

// drop, as a member's value, takes the member out of a default body.
var drop = new(int)

// project is a base URL and the keys of one project.
type project struct {
	Base string `json:"url"`
	ID   string `json:"projectId"`
	SK   string `json:"secretKey"`
	PK   string `json:"publicKey"`
}

// answer is one HTTP answer, already held to the conventions of §1.
type answer struct {
	what   string
	status int
	header http.Header
	raw    []byte
	body   obj
}

var web = &http.Client{
	Timeout:       20 * time.Second,
	Transport:     transport{&http.Transport{MaxIdleConnsPerHost: 64}, &http.Transport{DisableKeepAlives: true}},
	CheckRedirect: func(*http.Request, []*http.Request) error { return http.ErrUseLastResponse },
}

// transport makes a connection for each request where there are nodes, so that the balancer leads it to the next one.
type transport struct{ kept, each http.RoundTripper }

func (tr transport) RoundTrip(r *http.Request) (*http.Response, error) {
	if sliproadtest.OnPostgres() {
		return tr.each.RoundTrip(r)
	}
	return tr.kept.RoundTrip(r)
}

// CloseIdleConnections is what the client asks for by that name.
func (tr transport) CloseIdleConnections() {
	(&http.Client{Transport: tr.kept}).CloseIdleConnections()
}

// do sends one request. body is nil, raw (string, []byte, io.Reader) or
// encoded as JSON; header holds name, value pairs, an empty value removing the
// header. It may be called from any goroutine: it never ends the test.
func (p project) do(t *testing.T, method, path, key string, body any, header ...string) answer {
	t.Helper()
	a := answer{what: method + " " + path}
	req, err := http.NewRequest(method, p.Base+path, payload(body))
	if err != nil {
		t.Errorf("%s: %v", a.what, err)
		return a
	}
	if body != nil {
		req.Header.Set("Content-Type", "application/json")
	}
	if key != "" {
		req.Header.Set("Authorization", "Bearer "+key)
	}
	for i := 0; i+1 < len(header); i += 2 {
		if header[i+1] == "" {
			req.Header.Del(header[i])
			continue
		}
		req.Header.Set(header[i], header[i+1])
	}
	res, err := web.Do(req)
	if err != nil {
		t.Errorf("%s: %v", a.what, err)
		return a
	}
	defer func() { _ = res.Body.Close() }()
	a.status, a.header = res.StatusCode, res.Header
	if a.raw, err = io.ReadAll(res.Body); err != nil {
		t.Errorf("%s: reading the answer: %v", a.what, err)
	}
	a.body, _ = decode(a.raw).(obj)
	for _, fault := range a.faults(method) {
		t.Errorf("%s → %d: %s\n%s", a.what, a.status, fault, a.raw)
	}
	return a
}

func (p project) get(t *testing.T, path, key string, header ...string) answer {
	t.Helper()
	return p.do(t, "GET", path, key, nil, header...)
}

func (p project) post(t *testing.T, path, key string, body any, header ...string) answer {
	t.Helper()
	return p.do(t, "POST", path, key, body, header...)
}

func payload(body any) io.Reader {
	switch b := body.(type) {
	case nil:
		return nil
	case string:
		return strings.NewReader(b)
	case []byte:
		return bytes.NewReader(b)
	case io.Reader:
		return b
	}
	return bytes.NewReader(encode(body))
}

// encode writes JSON without the HTML escapes that no other client sends.
func encode(v any) []byte {
	var b bytes.Buffer
	e := json.NewEncoder(&b)
	e.SetEscapeHTML(false)
	if err := e.Encode(v); err != nil {
		panic(err)
	}
	return bytes.TrimSpace(b.Bytes())
}

// decode reads JSON with every number's digits kept; nil if it is not JSON.
func decode(b []byte) any {
	d := json.NewDecoder(bytes.NewReader(b))
	d.UseNumber()
	var v any
	if d.Decode(&v) != nil || d.More() {
		return nil
	}
	return v
}

var requestID = regexp.MustCompile(`^req_[A-Za-z0-9_-]+$`)

// faults are the breaches of §1 that any answer can have.
func (a answer) faults(method string) (faults []string) {
	id := a.header.Get("X-Request-Id")
	if !requestID.MatchString(id) {
		faults = append(faults, fmt.Sprintf("§1 X-Request-Id on every answer: got %q", id))
	}
	if a.status == 405 && a.header.Get("Allow") == "" {
		faults = append(faults, "§1 405 with Allow")
	}
	if a.status < 300 || method == "HEAD" {
		return faults
	}
	if ct := a.header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
		faults = append(faults, fmt.Sprintf("§1 errors are JSON: Content-Type %q", ct))
	}
	e, _ := a.body["error"].(obj)
	details, isList := e["details"].([]any)
	message, _ := e["message"].(string)
	switch {
	case a.body["success"] != false || e == nil:
		faults = append(faults, "§1 error envelope missing")
	case e["requestId"] != id:
		faults = append(faults, fmt.Sprintf("§1 error.requestId %v is not X-Request-Id %s", e["requestId"], id))
	case message == "" || a.code() == "":
		faults = append(faults, "§1 error without code or message")
	case !isList:
		faults = append(faults, "§1 error.details is not an array")
	}
	for _, d := range details {
		d, _ := d.(obj)
		if m, _ := d["message"].(string); d["field"] == nil || m == "" {
			faults = append(faults, "§1 details hold field and message")
		}
	}
	return faults
}

func (a answer) code() string {
	e, _ := a.body["error"].(obj)
	code, _ := e["code"].(string)
	return code
}

// ok demands the status and returns the resource's attributes.
func (a answer) ok(t *testing.T, status int) obj {
	t.Helper()
	if a.status != status {
		t.Fatalf("%s: got %d, want %d\n%s", a.what, a.status, status, a.raw)
	}
	attrs, _ := a.body["attributes"].(obj)
	return attrs
}

// bad demands a failure: its status, one of the codes in code ("A|B") and, if
// fields is not empty, exactly those members in details. Fields are separated
// by spaces, "a|b" is either, and a member stands for what is inside it too.
func (a answer) bad(t *testing.T, status int, code, fields string) {
	t.Helper()
	if a.status != status || !within(a.code(), code) {
		t.Fatalf("%s: got %d %s, want %d %s\n%s", a.what, a.status, a.code(), status, code, a.raw)
	}
	if fields == "" {
		return
	}
	missing := map[string]bool{}
	for want := range strings.FieldsSeq(fields) {
		missing[want] = true
	}
	e, _ := a.body["error"].(obj)
	details, _ := e["details"].([]any)
	for _, d := range details {
		d, _ := d.(obj)
		field, known := fmt.Sprint(d["field"]), false
		for want := range strings.FieldsSeq(fields) {
			if within(field, want) {
				delete(missing, want)
				known = true
			}
		}
		if !known {
			t.Errorf("%s: details name %q, want only %q\n%s", a.what, field, fields, a.raw)
		}
	}
	for want := range maps.Keys(missing) {
		t.Errorf("%s: details lack %q\n%s", a.what, want, a.raw)
	}
}

func (a answer) invalid(t *testing.T, fields string) {
	t.Helper()
	a.bad(t, 400, "VALIDATION_ERROR", fields)
}

// within says whether name is one of the alternatives or inside one of them.
func within(name, alternatives string) bool {
	for alt := range strings.SplitSeq(alternatives, "|") {
		if name == alt || strings.HasPrefix(name, alt+".") || strings.HasPrefix(name, alt+"[") {
			return true
		}
	}
	return false
}

// same demands that got holds at least the members of want with these values.
func same(t *testing.T, got, want obj) {
	t.Helper()
	part := obj{}
	for k := range want {
		v, there := got[k]
		if !there {
			v = "(absent)"
		}
		part[k] = v
	}
	if diff := cmp.Diff(decode(encode(want)), decode(encode(part))); diff != "" {
		t.Errorf("-want +got:\n%s", diff)
	}
}

// merge lays over on base: nil stays as JSON null, drop removes.
func merge(base, over obj) obj {
	m := maps.Clone(base)
	maps.Copy(m, over)
	maps.DeleteFunc(m, func(_ string, v any) bool { return v == drop })
	return m
}

var (
	serial atomic.Int64
	runTag = fmt.Sprintf("%08x", rand.Uint32())
)

// fresh is a name that no other case of this run uses.
func fresh(prefix string) string {
	return fmt.Sprintf("%s-%s-%d", prefix, runTag, serial.Add(1))
}

// check is one case: a request, and the failure it must meet.
type check struct {
	name   string
	do     func(*testing.T) answer
	status int
	code   string
	fields string
}

func runChecks(t *testing.T, checks []check) {
	t.Helper()
	for _, c := range checks {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.do(t).bad(t, c.status, c.code, c.fields)
		})
	}
}
