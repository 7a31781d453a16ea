package httpapi_test

import (
	"bytes"
	"encoding/json"
	"net/http"
	"net/http/httptest"
	"strings"
	"testing"

	"github.com/shopspring/decimal"

	"github.com/sliproad/sliproad/internal/money"
)

// The fuzz targets send to a whole server; send holds every answer, errors too, to the OpenAPI document. None may be 5xx.

func accepted(t *testing.T, a answer) bool {
	t.Helper()
	if a.status >= 500 {
		t.Errorf("%d %s", a.status, a.raw)
	}
	return a.status < 300
}

func FuzzBody(f *testing.F) {
	for _, body := range []string{
		`{"externalCustomerId": "u", "sourceAmount": 90071992547409.93, "sourceCurrency": "usd"}`,
		`{"externalCustomerId": "u", "type": "offramp", "country": "de", "expiresInSeconds": 1, "redirectUrl": "https://a.example"}`,
		`{"externalCustomerId": "u", "network": "bitcoin", "destinationAddress": "bc1qw508d6qejxtdg4y5r3zarvary0c5xw7kv8f3t4"}`,
		`{"externalCustomerId": "\u0000\ud800", "customerId": "x"}`, `{"a": 1, "a": 2}`, `{"a": {"b": [1, 2, {"b": null}]}} x`,
		`{"externalCustomerId": "u", "metadata": {"a": {"b": 1e999}}, "sourceAmount": 1e-5}`, `[]`, `null`, ``, `{`, `"`, "\xff", "\ufeff{}",
		`{"externalCustomerId": 12, "sourceAmount": {}, "metadata": 3, "fieldLocks": [], "expiresInSeconds": 1.5, "type": false}`,
		strings.Repeat("[", 20000), `{"a":` + strings.Repeat("[", 9999) + strings.Repeat("]", 9999) + "}",
	} {
		f.Add([]byte(body))
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, body []byte) {
		a := w.post(t, "/v1/sessions", w.sk, string(body), "X-Forwarded-For", inUS)
		if accepted(t, a) {
			w.get(t, "/v1/sessions/"+a.attr("sessionId"), w.pk).want(t, 200)
			var in struct{ SourceAmount json.RawMessage }
			if err := json.Unmarshal(body, &in); err != nil {
				t.Errorf("accepted, although it is not valid JSON: %v", err)
			}
		}
	})
}

// depth is how deep objects and arrays nest in a decoded value.
func depth(v any) int {
	deepest := 0
	switch v := v.(type) {
	case map[string]any:
		for _, member := range v {
			deepest = max(deepest, depth(member))
		}
	case []any:
		for _, member := range v {
			deepest = max(deepest, depth(member))
		}
	default:
		return 0
	}
	return deepest + 1
}

// FuzzMetadata counts members, bytes and levels with another decoder, and wants back what it gave.
func FuzzMetadata(f *testing.F) {
	many := `{"k":0` + strings.Repeat(`,"k":0`, 20) + `}`
	for i := range 21 {
		many = strings.Replace(many, `"k"`, `"`+string(rune('a'+i))+`"`, 1)
	}
	for _, metadata := range []string{
		`{}`, `null`, `{"cart": "4711"}`, `{"a": {"b": "c"}, "d": [1, 2.50, true, null]}`, `{"a": {"b": {}}}`, `{"a": [[]]}`, `{"a": "{[{[\"\\"}`,
		`{"a": "\u0000"}`, `{"a": "\\u0000"}`, `{"\u0000": 1}`, many, strings.Replace(many, `"a":0,`, "", 1), `{"a": "` + strings.Repeat("é", 2044) + `"}`,
		`{"a": "` + strings.Repeat("é", 2045) + `"}`, `{ "a" : "` + strings.Repeat(" ", 4088) + `" }`, `{"a": "<script>&\u2028\u2029"}`, `{"\ud800": 1}`, `{"": 1e400}`,
	} {
		f.Add(metadata)
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, metadata string) {
		a := w.post(t, "/v1/sessions", w.sk, `{"externalCustomerId": "u", "metadata": `+metadata+`}`)
		var value any
		dec := json.NewDecoder(strings.NewReader(metadata))
		dec.UseNumber()
		if dec.Decode(&value) != nil || dec.More() {
			return // may have broken out of its member
		}
		members, isObject := value.(map[string]any)
		var compact bytes.Buffer
		if err := json.Compact(&compact, []byte(metadata)); err != nil {
			return
		}
		within := value == nil || isObject && len(members) <= 20 && compact.Len() <= 4096 && depth(value) <= 2
		if accepted(t, a) && !within {
			t.Errorf("accepted: %d members, %d bytes, %d levels", len(members), compact.Len(), depth(value))
		}
		if a.status != 201 {
			plain := !strings.ContainsAny(metadata, "\\\ufffd\x00") && len(metadata) < 60_000
			if within && plain && json.Valid([]byte(metadata)) && !repeats(metadata) {
				t.Errorf("refused: %s", a.raw)
			}
			return
		}
		read := w.get(t, "/v1/sessions/"+a.attr("sessionId"), w.sk).want(t, 200)
		attrs, _ := read.body["attributes"].(map[string]any)
		want, _ := json.Marshal(value)
		if got, _ := json.Marshal(attrs["metadata"]); !bytes.Equal(got, want) {
			t.Errorf("metadata %s, want %s", got, want)
		}
		if w.get(t, "/v1/sessions/"+a.attr("sessionId"), w.pk); bytes.Contains(w.get(t, "/v1/sessions/"+a.attr("sessionId"), w.pk).raw, []byte(`"metadata"`)) {
			t.Error("a public key is told the metadata")
		}
	})
}

// repeats tells whether an object in the valid JSON has a name twice, which is refused.
func repeats(text string) bool {
	type object struct {
		names map[string]bool
		name  bool // a name comes next
	}
	var open []*object
	dec := json.NewDecoder(strings.NewReader(text))
	for {
		token, err := dec.Token()
		if err != nil {
			return false
		}
		top := func() *object {
			if len(open) == 0 {
				return nil
			}
			return open[len(open)-1]
		}
		if o := top(); o != nil && o.names != nil && o.name {
			if name, ok := token.(string); ok {
				if o.names[name] {
					return true
				}
				o.names[name], o.name = true, false
				continue
			}
		}
		switch token {
		case json.Delim('{'):
			open = append(open, &object{names: map[string]bool{}, name: true})
			continue
		case json.Delim('['):
			open = append(open, &object{})
			continue
		case json.Delim('}'), json.Delim(']'):
			open = open[:len(open)-1]
		}
		if o := top(); o != nil {
			o.name = true
		}
	}
}

// FuzzFieldLocks holds accepted locks to what contract §2.2 says of them, whatever the request said.
func FuzzFieldLocks(f *testing.F) {
	for _, c := range [][2]string{
		{`{}`, `100`},
		{`{"sourceAmount": {"locked": true, "min": "50", "max": "500"}}`, `"100.00"`},
		{`{"sourceAmount": {"locked": false}}`, `100`},
		{`{"sourceAmount": {"min": 5, "max": 4}}`, ``},
		{`{"sourceAmount": {"min": 200}}`, `100`},
		{`{"network": {"locked": true}}`, ``},
		{`{"network": {"locked": false, "min": 1}}`, `100`},
		{`{"unknown": {"locked": true}}`, ``},
		{`{"sourceAmount": null}`, `100`},
		{`{"sourceAmount": []}`, `100`},
		{`[]`, `100`},
		{`null`, `1`},
		{`{"sourceAmount": {"locked": "yes", "max": 1e3}}`, `100`},
		{`{"sourceCurrency": {"locked": true}, "destinationCurrency": {"locked": false}, "destinationAddress": {}}`, `1`},
	} {
		f.Add(c[0], c[1])
	}
	w := newWorld(f)
	f.Fuzz(func(t *testing.T, locks, amount string) {
		body := `{"externalCustomerId": "u", "sourceCurrency": "USD", "fieldLocks": ` + locks
		if amount != "" {
			body += `, "sourceAmount": ` + amount
		}
		a := w.post(t, "/v1/sessions", w.sk, body+"}")
		if !accepted(t, a) {
			return
		}
		type lock struct {
			Locked   *bool
			Min, Max *string
		}
		var out struct {
			Attributes struct {
				SourceAmount, SourceCurrency, DestinationCurrency, Network, DestinationAddress *string
				FieldLocks                                                                     map[string]lock
			}
		}
		if err := json.Unmarshal(a.raw, &out); err != nil {
			t.Fatal(err)
		}
		s := out.Attributes
		values := map[string]*string{
			"sourceAmount": s.SourceAmount, "sourceCurrency": s.SourceCurrency, "destinationCurrency": s.DestinationCurrency,
			"network": s.Network, "destinationAddress": s.DestinationAddress,
		}
		for name, value := range values {
			l, there := s.FieldLocks[name]
			ranged := l.Min != nil || l.Max != nil
			switch {
			case value != nil && !there, there && l.Locked == nil:
				t.Errorf("%s has a value, but no lock that says so: %s", name, a.raw)
			case there && *l.Locked && value == nil && !ranged:
				t.Errorf("%s is locked to nothing: %s", name, a.raw)
			case ranged && name != "sourceAmount", ranged && !inOrder(l.Min, value, l.Max):
				t.Errorf("the range of %s: %s", name, a.raw)
			}
			delete(s.FieldLocks, name)
		}
		if len(s.FieldLocks) > 0 {
			t.Errorf("unknown locks: %s", a.raw)
		}
	})
}

// inOrder tells whether the amounts that are there rise.
func inOrder(amounts ...*string) bool {
	last := decimal.Zero
	for _, text := range amounts {
		if text == nil {
			continue
		}
		if _, err := money.Parse(*text); err != nil {
			return false
		}
		d := decimal.RequireFromString(*text)
		if d.LessThan(last) {
			return false
		}
		last = d
	}
	return true
}

func FuzzQuery(f *testing.F) {
	for _, query := range []string{
		"", "page=2&pageSize=100", "page=0", "page=99999999999999999999", "pageSize=101", "status=expired&type=offramp", "status=", "customerId=x",
		"externalCustomerId=u", "externalCustomerId=%00", "createdAfter=2026-03-01T00:00:00Z&createdBefore=9999-12-31T23:59:59.999999999%2B14:00",
		"cursor=1.c2Vzc18uMjAyNi0wMy0wMVQxMjowMDowMFo", "cursor=x", "%", "a=%zz", "status=pending&status=expired", "gateway=sandbox&sessionId=sess_",
		"createdAfter=0000-01-01T00:00:00Z", "page=+1", "externalCustomerId=" + strings.Repeat("ü", 256), ";", "status=created",
	} {
		f.Add(query, false)
		f.Add(query, true)
	}
	w := newWorld(f)
	w.session(f)
	f.Fuzz(func(t *testing.T, query string, orders bool) {
		r := httptest.NewRequestWithContext(t.Context(), http.MethodGet, "/v1/sessions", nil)
		if orders {
			r.URL.Path = "/v1/orders"
		}
		r.URL.RawQuery = query
		r.Header.Set("X-Api-Key", w.sk)
		if a := w.answer(t, r); a.status != 200 && a.status != 400 {
			t.Errorf("%d %s", a.status, a.raw)
		}
	})
}
