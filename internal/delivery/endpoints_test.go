package delivery_test

import (
	"net/http"
	"slices"
	"strings"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// refusedURLs must be refused at creation, in whatever way they are written. A development server allows loopback.
var refusedURLs = map[string]string{
	"private 10/8":             "http://10.0.0.1/hook",
	"private 172.16/12":        "https://172.31.255.254/",
	"private 192.168/16":       "http://192.168.0.1:8080/",
	"link-local":               "http://169.254.1.1/",
	"metadata":                 "http://169.254.169.254/latest/meta-data/",
	"metadata, IPv6":           "http://[fd00:ec2::254]/",
	"carrier-grade NAT":        "http://100.64.0.1/",
	"unspecified":              "http://0.0.0.0/",
	"unspecified, IPv6":        "http://[::]/",
	"this network":             "http://0.1.2.3/",
	"multicast":                "http://224.0.0.1/",
	"broadcast":                "http://255.255.255.255/",
	"unique local, IPv6":       "http://[fd12:3456::1]/",
	"link-local, IPv6":         "http://[fe80::1]/",
	"private, mapped to IPv6":  "http://[::ffff:10.0.0.1]/",
	"metadata, mapped to IPv6": "http://[::ffff:a9fe:a9fe]/",
	"metadata by NAT64":        "http://[64:ff9b::a9fe:a9fe]/",
	"with a zone":              "http://[fe80::1%25lo]/",
	"one number":               "http://167772161/",
	"one number, loopback":     "http://2130706433/",
	"hexadecimal":              "http://0x0a000001/",
	"hexadecimal part":         "http://0xa.0.0.1/",
	"octal":                    "http://0012.0.0.1/",
	"octal, three digits":      "http://012.0.0.1/",
	"two parts":                "http://10.1/",
	"trailing dot":             "http://10.0.0.1./",
	"percent-encoded":          "http://%31%30.0.0.1/",
	"too large a part":         "http://10.0.0.256/",
	"full-width digits":        "http://１０.0.0.1/",
	"full-width last digit":    "http://10.0.0.１/",
	"ideographic full stops":   "http://10。0。0。1/",
	"user and password":        "https://user:secret@hooks.example/",
	"user":                     "https://user@hooks.example/",
	"empty user":               "https://@hooks.example/",
	"fragment":                 "https://hooks.example/#x",
	"ftp":                      "ftp://hooks.example/",
	"javascript":               "javascript:alert(1)",
	"file":                     "file:///etc/passwd",
	"no scheme":                "//hooks.example/",
	"a path":                   "/hook",
	"a name":                   "hooks.example",
	"no host":                  "https:///hook",
	"only a port":              "http://:8080/",
	"opaque":                   "https:hooks.example",
	"a space":                  "http://hooks example/",
	"a line feed":              "http://hooks.example/\nx",
	"empty":                    "",
	"too long":                 "https://hooks.example/" + strings.Repeat("x", 2048),
}

// TestRefusedURLs tries each at creation and as a change of an endpoint, which stays as it was.
func TestRefusedURLs(t *testing.T) {
	t.Parallel()
	var opts []sliproadtest.Option
	if sliproadtest.OnPostgres() {
		opts = append(opts, sliproadtest.Serve()) // nodes that may call loopback may call any address
	}
	s := sliproadtest.Start(t, opts...)
	c := s.Client(newProject(t, s, "test").SecretKey)
	kept := must(c.CreateWebhook(t.Context(), api.CreateWebhookRequest{URL: "http://1.1.1.1/hook", Events: []string{"*"}}))(t)
	for name, url := range refusedURLs {
		made := c.Post(t, "/v1/webhooks", map[string]any{"url": url, "events": []string{"*"}})
		changed := must(c.Do(t.Context(), http.MethodPatch, "/v1/webhooks/"+kept.ID, map[string]string{"url": url}))(t)
		for _, a := range []sliproadtest.Answer{made, changed} {
			if !refused(t, a, 400, api.CodeValidation, "url") {
				t.Logf("that was %s: %q", name, url)
			}
		}
	}
	list := must(c.ListWebhooks(t.Context(), api.PageParams{}))(t)
	if list.Pagination.Total != 1 || list.Data[0].Attributes.URL != kept.Attributes.URL {
		t.Errorf("the endpoints are %+v", list.Data)
	}
	live := s.Client(newProject(t, s, "live").SecretKey)
	for _, url := range []string{"http://hooks.example/", "http://1.1.1.1/", "http://127.0.0.1:9/", "https://10.0.0.1/", "https://u:p@1.1.1.1/"} {
		refused(t, live.Post(t, "/v1/webhooks", api.CreateWebhookRequest{URL: url, Events: []string{"*"}}), 400, api.CodeValidation, "url")
	}
	must(live.CreateWebhook(t.Context(), api.CreateWebhookRequest{URL: "https://1.1.1.1/hook?x=1", Events: []string{"*"}}))(t)
}

// TestBodies: a wrong member is 400 and named, all of them at once.
func TestBodies(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, nil).subscribe(t, c, "*")
	order := newOrder(t, c)
	event := events(t, c, api.ListEventsParams{OrderID: order.ID})[0].ID
	const hook = `"url":"https://1.1.1.1/"`
	one := "/v1/webhooks/" + r.ID
	for _, tt := range []struct {
		method, path, body string
		fields             []string
	}{
		{"POST", "/v1/webhooks", `{}`, []string{"url", "events"}},
		{"POST", "/v1/webhooks", `{"url":null,"events":null}`, []string{"url", "events"}},
		{"POST", "/v1/webhooks", `{"url":5,"events":"*","secret":5,"status":false}`, []string{"url", "events", "secret", "status"}},
		{"POST", "/v1/webhooks", `{"url":"x","events":[],"secret":"short","status":"paused"}`, []string{"url", "events", "secret", "status"}},
		{"POST", "/v1/webhooks", `{"url":"http://[fe80::1%25lo]/","events":["*"]}`, []string{"url"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":["transaction.done"]}`, []string{"events"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":["webhook.test"]}`, []string{"events"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":["transaction.*"]}`, []string{"events"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":["Transaction.Pending"]}`, []string{"events"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":[5]}`, []string{"events"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":[null]}`, []string{"events"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":{}}`, []string{"events"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":["*"],"secret":""}`, []string{"secret"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":["*"],"secret":"with a space in it"}`, []string{"secret"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":["*"],"secret":"` + strings.Repeat("x", 256) + `"}`, []string{"secret"}},
		{"POST", "/v1/webhooks", `{` + hook + `,"events":["*"]`, nil},
		{"POST", "/v1/webhooks", `["*"]`, []string{"body"}},
		{"POST", "/v1/webhooks", ``, []string{"body"}},
		{"PATCH", one, `{"url":5}`, []string{"url"}},
		{"PATCH", one, `{"events":[]}`, []string{"events"}},
		{"PATCH", one, `{"status":"gone","events":["x"]}`, []string{"status", "events"}},
		{"PATCH", one, `{"secret":"a-new-secret-of-ours"}`, []string{"secret"}},
		{"PATCH", one, `[]`, []string{"body"}},
		{"POST", "/v1/events/" + event + "/resend", `{"webhookId":5}`, []string{"webhookId"}},
		{"POST", "/v1/events/" + event + "/resend", `{"webhookId":"whk_none"}`, []string{"webhookId"}},
	} {
		a := must(c.Do(t.Context(), tt.method, tt.path, []byte(tt.body)))(t)
		if tt.fields == nil {
			if a.Status != 400 || a.Code() != api.CodeValidation {
				t.Errorf("%s %s %s: got %v", tt.method, tt.path, tt.body, a)
			}
			continue
		}
		refused(t, a, 400, api.CodeValidation, tt.fields...)
	}
	was := must(c.GetWebhook(t.Context(), r.ID))(t).Attributes
	is := sliproadtest.Decode[api.Webhook](t, must(c.Do(t.Context(), http.MethodPatch, one, []byte(`{"unknown":1}`)))(t)).Attributes
	was.UpdatedAt, is.UpdatedAt = "", ""
	if diff := cmp.Diff(was, is); diff != "" || was.URL != r.URL || was.Secret != "" {
		t.Errorf("after changing nothing:\n%s", diff)
	}
}

// TestTenancy: what is another project's is 404, a public key gets 403, and nothing of it has an effect.
func TestTenancy(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, nil).subscribe(t, c, "*")
	order := newOrder(t, c)
	event := r.await(t, 1)[0].payload.ID
	logged(t, c, event, r.ID, delivered)
	other := newProject(t, s, "test")
	stranger := s.Client(other.SecretKey)
	before := must(c.GetWebhook(t.Context(), r.ID))(t)
	hook, told := "/v1/webhooks/"+r.ID, "/v1/events/"+event
	for _, route := range []struct {
		method, path string
		body         any
		list         bool
	}{
		{"POST", "/v1/webhooks", api.CreateWebhookRequest{URL: "https://1.1.1.1/", Events: []string{"*"}}, true},
		{"GET", "/v1/webhooks", nil, true},
		{"GET", hook, nil, false},
		{"PATCH", hook, api.UpdateWebhookRequest{Status: "disabled"}, false},
		{"DELETE", hook, nil, false},
		{"POST", hook + "/rotate-secret", nil, false},
		{"POST", hook + "/test", nil, false},
		{"GET", "/v1/events", nil, true},
		{"GET", told, nil, false},
		{"GET", told + "/deliveries", nil, false},
		{"POST", told + "/resend", nil, false},
	} {
		for _, key := range []string{s.PublicKey, other.PublicKey} {
			refused(t, must(s.Client(key).Do(t.Context(), route.method, route.path, route.body))(t), 403, api.CodeForbidden)
		}
		refused(t, must(s.Client("sk_test_unknown").Do(t.Context(), route.method, route.path, route.body))(t), 401, api.CodeInvalidAPIKey)
		if !route.list {
			refused(t, must(stranger.Do(t.Context(), route.method, route.path, route.body))(t), 404, api.CodeNotFound)
		}
	}
	if n := must(stranger.ListWebhooks(t.Context(), api.PageParams{}))(t).Pagination.Total; n != 0 {
		t.Errorf("the other project sees %d endpoints", n)
	}
	for _, p := range []api.ListEventsParams{{}, {OrderID: order.ID}, {Type: "transaction.pending"}} {
		if n := len(events(t, stranger, p)); n != 0 {
			t.Errorf("the other project sees %d events", n)
		}
	}
	theirs := newReceiver(t, nil).subscribe(t, stranger, "*")
	refused(t, c.Post(t, told+"/resend", api.ResendEventRequest{WebhookID: theirs.ID}), 400, api.CodeValidation, "webhookId")
	if diff := cmp.Diff(before, must(c.GetWebhook(t.Context(), r.ID))(t)); diff != "" {
		t.Errorf("the endpoint has changed:\n%s", diff)
	}
	if n := len(deliveries(t, c, event)); n != 1 {
		t.Errorf("the event has %d deliveries, want 1", n)
	}
	move(t, c, order.ID, "completed")
	for _, m := range r.await(t, 2) {
		if m.payload.Data.Order == nil || m.payload.Data.Order.ID != order.ID {
			t.Errorf("got %s", m.body)
		}
	}
	if n := len(theirs.got()); n != 0 {
		t.Errorf("the other project got %d events", n)
	}
}

// TestIdempotentCreation: the same request with its key makes one endpoint, and gives the same secret.
func TestIdempotentCreation(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	body := api.CreateWebhookRequest{URL: "https://1.1.1.1/", Events: []string{"*"}}
	first := c.Post(t, "/v1/webhooks", body, "Idempotency-Key", "k")
	made := sliproadtest.Decode[api.Webhook](t, first)
	if first.Status != 201 || !strings.HasPrefix(made.Attributes.Secret, "whsec_") || len(made.Attributes.Secret) != len("whsec_")+44 {
		t.Errorf("got %v", first)
	}
	s.Restart()
	c = s.Secret()
	again := c.Post(t, "/v1/webhooks", body, "Idempotency-Key", "k")
	if again.Status != 201 || string(again.Body) != string(first.Body) || again.Header.Get("Idempotent-Replayed") != "true" {
		t.Errorf("got %v, and again %v %v", first, again, again.Header)
	}
	body.URL = "https://1.1.1.1/other"
	refused(t, c.Post(t, "/v1/webhooks", body, "Idempotency-Key", "k"), 409, api.CodeIdempotencyConflict)
	rotated := c.Post(t, "/v1/webhooks/"+made.ID+"/rotate-secret", nil, "Idempotency-Key", "r")
	if again := c.Post(t, "/v1/webhooks/"+made.ID+"/rotate-secret", nil, "Idempotency-Key", "r"); string(again.Body) != string(rotated.Body) {
		t.Errorf("got %v, and again %v", rotated, again)
	}
	if list := must(c.ListWebhooks(t.Context(), api.PageParams{}))(t); list.Pagination.Total != 1 || list.Data[0].Attributes.Secret != "" {
		t.Errorf("the endpoints are %+v", list)
	}
}

// TestRotation: after a rotation both secrets sign, each where its holder looks.
func TestRotation(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, nil).subscribe(t, c, "*")
	old := r.Secret
	rotated := must(c.RotateWebhookSecret(t.Context(), r.ID))(t)
	if r.Secret = rotated.Attributes.Secret; r.Secret == old || !strings.HasPrefix(r.Secret, "whsec_") {
		t.Fatalf("the new secret is %q, the old one was %q", r.Secret, old)
	}
	if read := must(c.GetWebhook(t.Context(), r.ID))(t); read.Attributes.Secret != "" {
		t.Error("the secret is shown after the rotation")
	}
	newOrder(t, c)
	m := r.await(t, 1)[0] // verified with the new one
	previous := m.header.Get("X-Webhook-Signature-Previous")
	if want := bareSignature(old, m.header.Get("X-Webhook-Timestamp"), m.body); previous != want {
		t.Errorf("X-Webhook-Signature-Previous is %q, want %q", previous, want)
	}
	if err := standardVerify(old, m); err != nil {
		t.Errorf("by the old secret: %v", err)
	}
	if n := len(strings.Fields(m.header.Get("Webhook-Signature"))); n != 2 {
		t.Errorf("webhook-signature has %d signatures, want 2", n)
	}
	third := must(c.RotateWebhookSecret(t.Context(), r.ID))(t).Attributes.Secret
	newOrder(t, c)
	await(func() bool { return len(r.got()) == 2 })
	m = r.got()[1]
	verify(t, m, third)
	if err := standardVerify(r.Secret, m); err != nil {
		t.Errorf("by the one before: %v", err)
	}
	if err := standardVerify("whsec_"+strings.Repeat("A", 43)+"=", m); err == nil {
		t.Error("any secret verifies")
	}
}

// TestChanges: a disabled endpoint gets nothing, an enabled one does; a changed subscription and a deletion hold from then on.
func TestChanges(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r := newReceiver(t, nil).subscribe(t, c, "transaction.pending")
	other := newReceiver(t, nil)
	change := func(in api.UpdateWebhookRequest) api.WebhookAttributes {
		return must(c.UpdateWebhook(t.Context(), r.ID, in))(t).Attributes
	}
	wantDeliveries := func(when string, order *api.CreatedOrder, n int) {
		for _, e := range events(t, c, api.ListEventsParams{OrderID: order.ID}) {
			if got := len(deliveries(t, c, e.ID)); got != n {
				t.Errorf("%s: %s has %d deliveries, want %d", when, e.Attributes.Type, got, n)
			}
		}
	}
	if w := change(api.UpdateWebhookRequest{Status: "disabled"}); w.Status != "disabled" || w.DisabledReason == nil {
		t.Errorf("disabled, it is %+v", w)
	}
	wantDeliveries("disabled", newOrder(t, c), 0)
	if w := change(api.UpdateWebhookRequest{Status: "enabled"}); w.Status != "enabled" || w.DisabledReason != nil {
		t.Errorf("enabled, it is %+v", w)
	}
	order := newOrder(t, c)
	wantDeliveries("enabled", order, 1)
	r.await(t, 1)
	w := change(api.UpdateWebhookRequest{URL: other.URL, Events: []string{"session.created", "transaction.pending"}})
	if w.URL != other.URL || !slices.Equal(w.Events, []string{"session.created", "transaction.pending"}) {
		t.Errorf("changed, it is %+v", w)
	}
	newOrder(t, c)
	other.Secret = r.Secret
	other.await(t, 2)
	if got := r.types(); !slices.Equal(got, []string{"transaction.pending"}) {
		t.Errorf("the URL of before got %v", got)
	}
	gone := must(c.DeleteWebhook(t.Context(), r.ID))(t)
	if gone.ID != r.ID || !gone.Attributes.Deleted {
		t.Errorf("the deletion's answer is %+v", gone)
	}
	wantDeliveries("deleted", newOrder(t, c), 0)
	path := "/v1/webhooks/" + r.ID
	refused(t, c.Get(t, path), 404, api.CodeNotFound)
	refused(t, c.Post(t, path+"/test", nil), 404, api.CodeNotFound)
	refused(t, c.Post(t, path+"/rotate-secret", nil), 404, api.CodeNotFound)
	refused(t, must(c.Do(t.Context(), http.MethodDelete, path, nil))(t), 404, api.CodeNotFound)
	refused(t, must(c.Do(t.Context(), http.MethodPatch, path, []byte(`{}`)))(t), 404, api.CodeNotFound)
	wantDeliveries("after the deletion", order, 1) // the log stays
}

// TestPendingIsDropped: what waits for an endpoint that is disabled or deleted has failed, and does not come later.
func TestPendingIsDropped(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	var down []*receiver
	for range 2 {
		r := newReceiver(t, nil)
		r.gate.up.Store(false)
		down = append(down, r.subscribe(t, c, "transaction.pending"))
	}
	order := newOrder(t, c)
	event := events(t, c, api.ListEventsParams{OrderID: order.ID})[0].ID
	for _, r := range down {
		logged(t, c, event, r.ID, tried)
	}
	must(c.UpdateWebhook(t.Context(), down[0].ID, api.UpdateWebhookRequest{Status: "disabled"}))(t)
	must(c.DeleteWebhook(t.Context(), down[1].ID))(t)
	for _, r := range down {
		d := logged(t, c, event, r.ID, func(d api.DeliveryAttributes) bool { return d.Status == "failed" })
		if d.NextAttemptAt != nil || d.FinishedAt == nil {
			t.Errorf("the delivery is %+v", d)
		}
	}
}
