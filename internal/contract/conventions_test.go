package contract_test

import (
	"io"
	"strconv"
	"strings"
	"testing"
)

// padded is a creation whose body is exactly size bytes long.
func padded(size int) string {
	head, tail := `{"externalCustomerId":"padded","padding":"`, `"}`
	return head + strings.Repeat("x", size-len(head)-len(tail)) + tail
}

// TestBodies: §1 Bodies.
func TestBodies(t *testing.T) {
	t.Parallel()
	const good = `{"externalCustomerId":"bodies"}`
	raw := func(body any, header ...string) func(*testing.T) answer {
		return func(t *testing.T) answer { return dev.post(t, "/v1/sessions", dev.SK, body, header...) }
	}
	for _, c := range []struct {
		name string
		do   func(*testing.T) answer
	}{
		{"§1 bodies: at most 64 KiB: 65536 bytes pass", raw(padded(65536))},
		{"§1 bodies: unknown members are ignored", raw(`{"externalCustomerId":"bodies","colour":{"a":[1,null]}}`)},
		{"§1 bodies: names are camelCase: another case is an unknown member", raw(`{"externalCustomerId":"bodies","SOURCEAMOUNT":"no","Type":7}`)},
		{"§1 bodies: white space around the value", raw("\r\n\t " + good + " \n")},
		{"§1 bodies: application/json with charset", raw(good, "Content-Type", "application/json; charset=utf-8")},
		{"§1 bodies: Content-Type in other letter case", raw(good, "Content-Type", "Application/JSON")},
		{"§1 bodies: a missing Content-Type is taken as JSON", raw(good, "Content-Type", "")},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			c.do(t).ok(t, 201)
		})
	}
	checks := []check{
		{"§1 bodies: 65537 bytes are 413", raw(padded(65537)), 413, "PAYLOAD_TOO_LARGE", ""},
		{"§1 bodies: 65537 bytes without a length are 413", raw(io.MultiReader(strings.NewReader(padded(65537)))), 413, "PAYLOAD_TOO_LARGE", ""},
		{"§1 bodies: the limit holds on confirm", func(t *testing.T) answer {
			return dev.post(t, "/v1/sessions/sess_none/confirm", dev.PK, padded(70000))
		}, 413, "PAYLOAD_TOO_LARGE", ""},
		{"§1 bodies: 415 on confirm", func(t *testing.T) answer {
			return dev.post(t, "/v1/sessions/sess_none/confirm", dev.PK, good, "Content-Type", "text/plain")
		}, 415, "UNSUPPORTED_MEDIA_TYPE", ""},
		{"§1 bodies: a duplicate member is named", raw(`{"externalCustomerId":"a","country":"US","country":"DE"}`), 400, "VALIDATION_ERROR", "country"},
		{"§1 bodies: a duplicate inside metadata", raw(`{"externalCustomerId":"a","metadata":{"a":1,"a":2}}`), 400, "VALIDATION_ERROR", "metadata|a"},
		{
			"§1 errors: all failing members are listed at once", raw(`{"type":"x","country":"XX","expiresInSeconds":0,"redirectUrl":"/a","metadata":[],"sourceAmount":"-1"}`),
			400, "VALIDATION_ERROR", "externalCustomerId|customerId type country expiresInSeconds redirectUrl metadata sourceAmount",
		},
		{
			"§1 errors: wrong types and wrong values are listed together", raw(`{"externalCustomerId":5,"country":"XX","expiresInSeconds":"60"}`),
			400, "VALIDATION_ERROR", "externalCustomerId country expiresInSeconds",
		},
	}
	for _, ct := range []string{"text/plain", "application/x-www-form-urlencoded", "multipart/form-data; boundary=x", "application/jsonx", "text/json5"} {
		checks = append(checks, check{"§1 bodies: a non-JSON Content-Type is 415: " + ct, raw(good, "Content-Type", ct), 415, "UNSUPPORTED_MEDIA_TYPE", ""})
	}
	for name, body := range map[string]string{
		"empty":               "",
		"blank":               "  \n",
		"cut short":           `{"externalCustomerId":"a"`,
		"an array":            `[{"externalCustomerId":"a"}]`,
		"a string":            `"externalCustomerId"`,
		"null":                `null`,
		"a number":            `12`,
		"a second value":      good + good,
		"a trailing word":     good + "x",
		"a trailing comma":    `{"externalCustomerId":"a",}`,
		"a comment":           `{/* */"externalCustomerId":"a"}`,
		"single quotes":       `{'externalCustomerId':'a'}`,
		"NaN":                 `{"externalCustomerId":"a","sourceAmount":NaN}`,
		"a leading zero":      `{"externalCustomerId":"a","sourceAmount":0100}`,
		"not UTF-8":           "{\"externalCustomerId\":\"\xff\xfe\"}",
		"ten thousand levels": strings.Repeat("[", 10000),
		"form data":           "externalCustomerId=a",
	} {
		checks = append(checks, check{"§1 bodies: not a JSON object is 400: " + name, raw(body), 400, "VALIDATION_ERROR", ""})
	}
	runChecks(t, checks)
}

// TestErrors: §1 Errors on unknown routes and wrong methods.
func TestErrors(t *testing.T) {
	t.Parallel()
	for _, path := range []string{
		"/", "/nope", "/v1", "/v1/", "/v1/nope", "/v2/sessions", "/v1/sessions/", "/v1/session", "/v1//sessions",
		"/v1/sessions/sess_none/nope", "/v1/orders/ord_none/nope", "/v1/test_helpers", "/gateways", "/gateways/sandbox",
	} {
		t.Run("§1 unknown route: 404 NOT_FOUND: "+path, func(t *testing.T) {
			t.Parallel()
			dev.get(t, path, dev.SK).bad(t, 404, "NOT_FOUND", "")
		})
	}
	t.Run("§1 unknown route without a key is in the envelope", func(t *testing.T) {
		t.Parallel()
		dev.get(t, "/nope", "").bad(t, 404, "NOT_FOUND", "")
	})
	for _, c := range []struct{ method, path, allow string }{
		{"DELETE", "/v1/sessions", "GET POST"},
		{"PUT", "/v1/sessions", "GET POST"},
		{"PATCH", "/v1/sessions/sess_none", "GET"},
		{"POST", "/v1/sessions/sess_none", "GET"},
		{"GET", "/v1/sessions/sess_none/confirm", "POST"},
		{"GET", "/v1/sessions/sess_none/order", "POST"},
		{"DELETE", "/v1/sessions/sess_none/cancel", "POST"},
		{"POST", "/v1/orders", "GET"},
		{"DELETE", "/v1/orders/ord_none", "GET"},
		{"GET", "/v1/test_helpers/orders/ord_none/simulate", "POST"},
		{"GET", "/gateways/sandbox/webhook/" + dev.ID, "POST"},
	} {
		t.Run("§1 wrong method: 405 with Allow: "+c.method+" "+c.path, func(t *testing.T) {
			t.Parallel()
			a := dev.do(t, c.method, c.path, dev.SK, nil)
			a.bad(t, 405, "METHOD_NOT_ALLOWED", "")
			for m := range strings.FieldsSeq(c.allow) {
				if !strings.Contains(a.header.Get("Allow"), m) {
					t.Errorf("Allow %q lacks %s", a.header.Get("Allow"), m)
				}
			}
		})
	}
	unknown := []string{"sess_none", "x", "sess_%00", "%2e%2e", "sess_" + strings.Repeat("a", 3000), "sess_é", "' or 1=1"}
	for _, id := range unknown {
		t.Run("§1 unknown session: 404 NOT_FOUND: "+id[:min(len(id), 12)], func(t *testing.T) {
			t.Parallel()
			s := session{project: dev, id: id}
			path := s.path("")
			if strings.Contains(id, "%") {
				path = "/v1/sessions/" + id
			}
			dev.get(t, path, dev.SK).bad(t, 404, "NOT_FOUND", "")
		})
	}
	runChecks(t, []check{
		{"§1 unknown order: 404 NOT_FOUND", func(t *testing.T) answer { return dev.get(t, "/v1/orders/ord_none", dev.SK) }, 404, "NOT_FOUND", ""},
		{"§1 unknown session: 404: cancel", func(t *testing.T) answer {
			return session{project: dev, id: "sess_none"}.cancel(t)
		}, 404, "NOT_FOUND", ""},
		{"§5 unknown order: 404: simulate", func(t *testing.T) answer { return dev.simulate(t, "ord_none", "completed") }, 404, "NOT_FOUND", ""},
	})
}

// TestAnswers: §1 what every good answer carries.
func TestAnswers(t *testing.T) {
	t.Parallel()
	s := dev.session(t, nil)
	t.Run("§1 request ids differ", func(t *testing.T) {
		t.Parallel()
		a, b := dev.get(t, s.path(""), dev.SK), dev.get(t, s.path(""), dev.SK)
		if a.header.Get("X-Request-Id") == b.header.Get("X-Request-Id") {
			t.Error("two requests, one id")
		}
	})
	for _, key := range []string{dev.SK, dev.PK} {
		t.Run("§1 X-RateLimit headers always: "+key[:2], func(t *testing.T) {
			t.Parallel()
			a := dev.get(t, s.path(""), key)
			for _, name := range []string{"X-RateLimit-Limit", "X-RateLimit-Remaining", "X-RateLimit-Reset"} {
				if _, err := strconv.ParseInt(a.header.Get(name), 10, 64); err != nil {
					t.Errorf("%s is %q", name, a.header.Get(name))
				}
			}
		})
	}
	for _, c := range []struct {
		path   string
		status int
	}{{s.path(""), 200}, {"/v1/sessions", 200}, {"/v1/sessions/sess_none", 404}} {
		t.Run("§1 HEAD works like GET: "+strings.Replace(c.path, s.id, "{id}", 1), func(t *testing.T) {
			t.Parallel()
			a := dev.do(t, "HEAD", c.path, dev.SK, nil)
			a.ok(t, c.status)
			if len(a.raw) != 0 || !strings.HasPrefix(a.header.Get("Content-Type"), "application/json") {
				t.Errorf("HEAD: %d bytes of %q", len(a.raw), a.header.Get("Content-Type"))
			}
		})
	}
	t.Run("§1 resources are bare: type, id, attributes", func(t *testing.T) {
		t.Parallel()
		a := dev.get(t, s.path(""), dev.SK)
		same(t, a.body, obj{"type": "session", "id": s.id})
		if ct := a.header.Get("Content-Type"); !strings.HasPrefix(ct, "application/json") {
			t.Errorf("Content-Type %q", ct)
		}
		if len(a.body) != 3 {
			t.Errorf("members beside type, id, attributes: %s", a.raw)
		}
	})
}
