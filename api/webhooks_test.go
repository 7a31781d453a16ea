package api_test

import (
	"context"
	"encoding/json"
	"errors"
	"fmt"
	"maps"
	"net/http"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/getkin/kin-openapi/openapi3"
	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/api/apitest"
)

const (
	webhookID  = "whk_7Lq3dF9hT5wA1zS6uX8cPm"
	eventID    = "evt_9Ck4nR7sV1xB5yE8aD2fGh"
	deliveryID = "dlv_3Gn7kV1bM9rT5xC2pH8wZq"
	atMillis   = "2026-03-01T12:07:30.000Z"

	// exampleBody is the document's example of transaction.completed, as it is sent.
	exampleBody = `{"id":"evt_9Ck4nR7sV1xB5yE8aD2fGh","type":"transaction.completed","timestamp":"2026-03-01T12:07:30.000Z",` +
		`"data":{"order":{"id":"ord_8Jx2mQ4rT6vY0bN3cK5pZs","type":"buy","status":"completed","source":{"currency":"USD",` +
		`"amount":"100"},"destination":{"currency":"ETH","amount":"0.02475",` +
		`"address":"0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed","network":"ethereum"},"externalOrderId":"sbx_3kV9tQ",` +
		`"sessionId":"sess_5f0kQ2v7cXr1yB8mZt3wLa","customerId":"2c1d7e54-8a44-4f43-8a0c-1f6a5b7d9e02",` +
		`"externalCustomerId":"user-1042","metadata":{"provider":"sandbox","providerOrderId":"sbx_3kV9tQ","email":null,` +
		`"partnerMetadata":{"cart":"4711"}},"createdAt":"2026-03-01T12:05:00.000Z",` +
		`"completedAt":"2026-03-01T12:07:30.000Z"}}}`
)

// TestWebhookRoutes: each method makes its operation's request, and those that would do something twice have a key.
func TestWebhookRoutes(t *testing.T) {
	t.Parallel()
	page := api.PageParams{Page: 2, PageSize: 10, Cursor: "c"}
	cases := []struct {
		name string
		call func(context.Context, *api.Client) error
		want seen
	}{
		{"CreateWebhook", func(ctx context.Context, c *api.Client) error {
			_, err := c.CreateWebhook(ctx, api.CreateWebhookRequest{URL: "https://x", Events: []string{"*"}})
			return err
		}, seen{"POST", "/v1/webhooks", "", "made", `{"url":"https://x","events":["*"]}`}},
		{"ListWebhooks", func(ctx context.Context, c *api.Client) error {
			_, err := c.ListWebhooks(ctx, page)
			return err
		}, seen{"GET", "/v1/webhooks?cursor=c&page=2&pageSize=10", "", "", ""}},
		{"GetWebhook", func(ctx context.Context, c *api.Client) error {
			_, err := c.GetWebhook(ctx, "a/b")
			return err
		}, seen{"GET", "/v1/webhooks/a%2Fb", "", "", ""}},
		{"UpdateWebhook", func(ctx context.Context, c *api.Client) error {
			_, err := c.UpdateWebhook(ctx, "w", api.UpdateWebhookRequest{Status: "disabled"})
			return err
		}, seen{"PATCH", "/v1/webhooks/w", "", "", `{"status":"disabled"}`}},
		{"DeleteWebhook", func(ctx context.Context, c *api.Client) error {
			_, err := c.DeleteWebhook(ctx, "w")
			return err
		}, seen{"DELETE", "/v1/webhooks/w", "", "", ""}},
		{"RotateWebhookSecret", func(ctx context.Context, c *api.Client) error {
			_, err := c.RotateWebhookSecret(ctx, "w")
			return err
		}, seen{"POST", "/v1/webhooks/w/rotate-secret", "", "made", ""}},
		{"TestWebhook", func(ctx context.Context, c *api.Client) error {
			_, err := c.TestWebhook(ctx, "w", api.WithIdempotencyKey("k"))
			return err
		}, seen{"POST", "/v1/webhooks/w/test", "", "k", ""}},
		{"ListEvents", func(ctx context.Context, c *api.Client) error {
			_, err := c.ListEvents(ctx, api.ListEventsParams{PageSize: 10, Type: api.EventTransactionCompleted, OrderID: "o"})
			return err
		}, seen{"GET", "/v1/events?orderId=o&pageSize=10&type=transaction.completed", "", "", ""}},
		{"GetEvent", func(ctx context.Context, c *api.Client) error {
			_, err := c.GetEvent(ctx, "e")
			return err
		}, seen{"GET", "/v1/events/e", "", "", ""}},
		{"ListDeliveries", func(ctx context.Context, c *api.Client) error {
			_, err := c.ListDeliveries(ctx, "e", page)
			return err
		}, seen{"GET", "/v1/events/e/deliveries?cursor=c&page=2&pageSize=10", "", "", ""}},
		{"ResendEvent", func(ctx context.Context, c *api.Client) error {
			_, err := c.ResendEvent(ctx, "e", api.ResendEventRequest{WebhookID: "w"})
			return err
		}, seen{"POST", "/v1/events/e/resend", "", "made", `{"webhookId":"w"}`}},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, s := serve(t, step{status: 200, body: `{}`})
			if err := c.call(t.Context(), client); err != nil {
				t.Fatal(err)
			}
			if c.want.Idempotency == "made" && s.got[0].Idempotency != "" {
				c.want.Idempotency = s.got[0].Idempotency
			}
			c.want.Key = "Bearer sk_test_x"
			if diff := cmp.Diff([]seen{c.want}, s.got); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWebhookIteration: page after page by cursor, with the filters.
func TestWebhookIteration(t *testing.T) {
	t.Parallel()
	cases := []struct {
		name string
		all  func(context.Context, *api.Client) []string
		uris string
	}{
		{"Webhooks", func(ctx context.Context, c *api.Client) (ids []string) {
			for w, err := range c.Webhooks(ctx, api.PageParams{Page: 1, PageSize: 2}) {
				ids = append(ids, idOf(w, err))
			}
			return ids
		}, "/v1/webhooks?page=1&pageSize=2 /v1/webhooks?cursor=c1&pageSize=2"},
		{"Events", func(ctx context.Context, c *api.Client) (ids []string) {
			for e, err := range c.Events(ctx, api.ListEventsParams{Page: 1, OrderID: "o"}) {
				ids = append(ids, idOf(e, err))
			}
			return ids
		}, "/v1/events?orderId=o&page=1 /v1/events?cursor=c1&orderId=o"},
		{"Deliveries", func(ctx context.Context, c *api.Client) (ids []string) {
			for d, err := range c.Deliveries(ctx, "e", api.PageParams{}) {
				ids = append(ids, idOf(d, err))
			}
			return ids
		}, "/v1/events/e/deliveries /v1/events/e/deliveries?cursor=c1"},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			client, s := serve(t, step{status: 200, body: pageJSON("c1", "a", "b")}, step{status: 200, body: pageJSON("", "c")})
			ids := strings.Join(c.all(t.Context(), client), " ")
			var uris []string
			for _, g := range s.got {
				uris = append(uris, g.URI)
			}
			if ids != "a b c" || strings.Join(uris, " ") != c.uris {
				t.Errorf("ids %q, uris %v", ids, uris)
			}
		})
	}
}

func idOf[A any](r *api.Resource[A], err error) string {
	if err != nil {
		return err.Error()
	}
	return r.ID
}

// TestVerifyWebhook: what is signed is accepted, within the tolerance; nothing else is.
func TestVerifyWebhook(t *testing.T) {
	t.Parallel()
	const (
		// The vector of the Standard Webhooks libraries' own tests.
		secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		id     = "msg_p5jXN8AQM9LWM0D4loKWxJek"
		stamp  = "1614265330"
		good   = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
		body   = `{"test": 2432232314}`
		other  = "v1,Ceo5qEr07ixe2NLpvHk3FH9bwy/WavXrAFQ/9tdO6mc="
		asText = "v1,jlg1xmJQi4pz/kij39czsrUE8CO/TAxzwKItK8NZwnU="
	)
	at := time.Unix(1614265330, 0)
	cases := []struct {
		name, secret, id, stamp, signature, body string
		now                                      time.Time
		want                                     error
	}{
		{"the vector", secret, id, stamp, good, body, at, nil},
		{"without the prefix", secret[6:], id, stamp, good, body, at, nil},
		{"the second of two", secret, id, stamp, other + " " + good, body, at, nil},
		{"the first of two", secret, id, stamp, good + " " + other, body, at, nil},
		{"beside another version and garbage", secret, id, stamp, "v1a,xx v2 , v1,!! " + good, body, at, nil},
		{"five minutes old", secret, id, stamp, good, body, at.Add(5 * time.Minute), nil},
		{"five minutes ahead", secret, id, stamp, good, body, at.Add(-5 * time.Minute), nil},
		{"too old", secret, id, stamp, good, body, at.Add(5*time.Minute + 1), api.ErrWebhookTime},
		{"too new", secret, id, stamp, good, body, at.Add(-5*time.Minute - 1), api.ErrWebhookTime},
		{"a far future", secret, id, "1099511627775", good, body, at, api.ErrWebhookTime},
		{"another secret", "whsec_AAAA" + secret[10:], id, stamp, good, body, at, api.ErrWebhookSignature},
		{"another id", secret, id + "x", stamp, good, body, at, api.ErrWebhookSignature},
		{"another time", secret, id, "1614265331", good, body, at, api.ErrWebhookSignature},
		{"the same time, written otherwise", secret, id, "01614265330", good, body, at, api.ErrWebhookSignature},
		{"another body", secret, id, stamp, good, body + " ", at, api.ErrWebhookSignature},
		{"cut", secret, id, stamp, good[:len(good)-4], body, at, api.ErrWebhookSignature},
		{"an empty one", secret, id, stamp, "v1,", body, at, api.ErrWebhookSignature},
		{"of a version to come", secret, id, stamp, "v2" + good[2:], body, at, api.ErrWebhookSignature},
		{"separated by a comma", secret, id, stamp, other + "," + good, body, at, api.ErrWebhookSignature},
		{"no id", secret, "", stamp, good, body, at, api.ErrWebhookHeaders},
		{"no time", secret, id, "", good, body, at, api.ErrWebhookHeaders},
		{"no signature", secret, id, stamp, "", body, at, api.ErrWebhookHeaders},
		{"time with a sign", secret, id, "+" + stamp, good, body, at, api.ErrWebhookHeaders},
		{"time with a fraction", secret, id, stamp + ".0", good, body, at, api.ErrWebhookHeaders},
		{"time too large", secret, id, "99999999999999999999", good, body, at, api.ErrWebhookHeaders},
		{"no secret", "", id, stamp, good, body, at, api.ErrWebhookSecret},
		{"a bare prefix", "whsec_", id, stamp, good, body, at, api.ErrWebhookSecret},
		{"a secret that is no base64", "my-own-secret-of-32-characters!!", id, stamp, asText, body, at, nil},
	}
	for _, c := range cases {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			h := signed(c.id, c.stamp, c.signature)
			if err := api.VerifyWebhook(c.secret, h, []byte(c.body), api.WebhookTolerance, c.now); !errors.Is(err, c.want) {
				t.Errorf("%v, want %v", err, c.want)
			}
		})
	}
}

func signed(id, stamp, signature string) http.Header {
	h := http.Header{}
	for name, value := range map[string]string{"webhook-id": id, "webhook-timestamp": stamp, "webhook-signature": signature} {
		if value != "" {
			h.Set(name, value)
		}
	}
	return h
}

// FuzzVerifyWebhook: of all that anyone can send, only what the secret signed is accepted.
func FuzzVerifyWebhook(f *testing.F) {
	const good = "v1,g0hM9SsE+OTPJTGt/tmIKtSyZlE3uFJELVlNIOLJ1OE="
	f.Add("msg_p5jXN8AQM9LWM0D4loKWxJek", "1614265330", good, []byte(`{"test": 2432232314}`))
	f.Add("", "-1", "v1, v1,= ,", []byte(nil))
	f.Fuzz(func(t *testing.T, id, stamp, signature string, body []byte) {
		const secret = "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw"
		h := http.Header{"Webhook-Id": {id}, "Webhook-Timestamp": {stamp}, "Webhook-Signature": {signature}}
		err := api.VerifyWebhook(secret, h, body, api.WebhookTolerance, time.Unix(1614265330, 0))
		genuine := id == "msg_p5jXN8AQM9LWM0D4loKWxJek" && stamp == "1614265330" && string(body) == `{"test": 2432232314}`
		if err == nil && !genuine {
			t.Errorf("accepted %q %q %q %q", id, stamp, signature, body)
		}
		if genuine && slices.Contains(strings.Split(signature, " "), good) && err != nil {
			t.Errorf("refused %q: %v", signature, err)
		}
	})
}

// TestSentEvents holds the document's webhooks to the types of event, and their examples to their schemas.
func TestSentEvents(t *testing.T) {
	t.Parallel()
	doc := document(t)
	enum := func(name string) (names []string) {
		for _, v := range doc.Components.Schemas[name].Value.Enum {
			names = append(names, fmt.Sprint(v))
		}
		return names
	}
	if diff := cmp.Diff(api.EventTypes(), enum("EventType")); diff != "" {
		t.Errorf("the constants (-) and the enum (+):\n%s", diff)
	}
	subscribable := append([]string{api.AllTransactionEvents}, api.EventTypes()[:len(api.EventTypes())-1]...)
	if diff := cmp.Diff(subscribable, enum("EventSubscription")); diff != "" {
		t.Errorf("what can be subscribed to (-) and the enum (+):\n%s", diff)
	}
	if got := slices.Sorted(maps.Keys(doc.Webhooks)); !slices.Equal(got, slices.Sorted(slices.Values(api.EventTypes()))) {
		t.Errorf("webhooks %v", got)
	}
	for name, item := range doc.Webhooks {
		op := item.Post
		if op == nil || op.Description == "" || op.Security == nil || len(*op.Security) != 0 || len(op.Parameters) != 8 {
			t.Errorf("%s: wants a POST with description, no security and 8 headers", name)
			continue
		}
		checkExamples(t, name, op.RequestBody.Value.Content)
		content := op.RequestBody.Value.Content["application/json"]
		text, err := json.Marshal(content.Examples["event"].Value.Value)
		if err != nil {
			t.Fatal(err)
		}
		var p api.EventPayload
		if err := json.Unmarshal(text, &p); err != nil || p.Type != name {
			t.Errorf("%s: the example is of %q (%v)", name, p.Type, err)
		}
		if err := apitest.Validate("EventPayload", text); err != nil {
			t.Errorf("%s: %v", name, err)
		}
		if renamed := strings.Replace(string(text), `"`+name+`"`, `"transaction.unheard_of"`, 1); apitest.Validate("EventPayload", []byte(renamed)) == nil {
			t.Errorf("%s: an unknown type is valid", name)
		}
	}
}

// TestSentExample: the signatures in the document are those of its example, by the secrets in it.
func TestSentExample(t *testing.T) {
	t.Parallel()
	doc := document(t)
	example, err := json.Marshal(doc.Webhooks[api.EventTransactionCompleted].Post.RequestBody.Value.Content["application/json"].Examples["event"].Value.Value)
	if err != nil {
		t.Fatal(err)
	}
	var inDocument, sent any
	if err := json.Unmarshal(example, &inDocument); err != nil {
		t.Fatal(err)
	}
	if err := json.Unmarshal([]byte(exampleBody), &sent); err != nil {
		t.Fatal(err)
	}
	if diff := cmp.Diff(inDocument, sent); diff != "" {
		t.Fatalf("the document's (-) and the body (+):\n%s", diff)
	}
	h := http.Header{}
	for _, p := range doc.Webhooks[api.EventTransactionCompleted].Post.Parameters {
		value := p.Value.Example
		if n, ok := value.(float64); ok {
			value = int64(n)
		}
		h.Set(p.Value.Name, fmt.Sprint(value))
	}
	now := time.Date(2026, 3, 1, 12, 8, 0, 0, time.UTC)
	for _, name := range []string{"WebhookRotated", "WebhookCreated"} {
		if err := api.VerifyWebhook(secretIn(t, doc, name), h, []byte(exampleBody), api.WebhookTolerance, now); err != nil {
			t.Errorf("%s: %v", name, err)
		}
	}
	if err := api.VerifyWebhook(secretIn(t, doc, "WebhookCreatedOwnSecret"), h, []byte(exampleBody), api.WebhookTolerance, now); !errors.Is(err, api.ErrWebhookSignature) {
		t.Errorf("a secret that did not sign: %v", err)
	}
}

func secretIn(t *testing.T, doc *openapi3.T, example string) string {
	t.Helper()
	text, err := json.Marshal(doc.Components.Examples[example].Value.Value)
	if err != nil {
		t.Fatal(err)
	}
	var w api.Webhook
	if err := json.Unmarshal(text, &w); err != nil || w.Attributes.Secret == "" {
		t.Fatalf("%s has no secret (%v)", example, err)
	}
	return w.Attributes.Secret
}

// TestWebhookWire: what the structs marshal to is what the document says, and comes back as it was.
func TestWebhookWire(t *testing.T) {
	t.Parallel()
	webhook := func(secret string, reason *string) api.Webhook {
		return api.Webhook{Type: api.KindWebhook, ID: webhookID, Attributes: api.WebhookAttributes{
			WebhookID: webhookID, URL: "https://shop.example/hooks", Events: []string{"*"}, Secret: secret, Status: "disabled",
			DisabledReason: reason, CreatedAt: at, UpdatedAt: at,
		}}
	}
	down := http.StatusServiceUnavailable
	event := api.Event{Type: api.KindEvent, ID: eventID, Attributes: api.EventAttributes{
		EventID: eventID, Type: api.EventTransactionCompleted, SessionID: ptr(sessionID), OrderID: ptr(orderID),
		Payload: json.RawMessage(exampleBody), CreatedAt: atMillis,
	}}
	delivery := api.Delivery{Type: api.KindDelivery, ID: deliveryID, Attributes: api.DeliveryAttributes{
		DeliveryID: deliveryID, EventID: eventID, EventType: api.EventTransactionCompleted, WebhookID: webhookID, Status: "pending",
		Attempts: []api.Attempt{
			{Number: 1, At: atMillis, Error: ptr("no route")},
			{Number: 2, At: atMillis, StatusCode: &down, DurationMs: 5, Response: ptr("down")},
		},
		NextAttemptAt: ptr(atMillis), CreatedAt: atMillis,
	}}
	page := api.Pagination{Page: 1, PageSize: 25, Total: 1, TotalPages: 1}
	cases := []struct {
		schema string
		value  any
	}{
		{"Webhook", webhook("", nil)},
		{"WebhookWithSecret", webhook("whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw", ptr("why"))},
		{"WebhookList", api.List[api.Webhook]{Data: []api.Webhook{webhook("", nil)}, Pagination: page}},
		{"WebhookDeleted", api.DeletedWebhook{Type: api.KindWebhook, ID: webhookID, Attributes: api.DeletedAttributes{Deleted: true}}},
		{"Event", event},
		{"EventList", api.List[api.Event]{Data: []api.Event{event}, Pagination: page}},
		{"Delivery", delivery},
		{"DeliveryList", api.List[api.Delivery]{Data: []api.Delivery{delivery}, Pagination: page}},
		{"CreateWebhookRequest", api.CreateWebhookRequest{
			URL: "https://x.example", Events: []string{api.EventOrderCreated}, Secret: "sixteen-characters", Status: "disabled",
		}},
		{"UpdateWebhookRequest", api.UpdateWebhookRequest{}},
		{"UpdateWebhookRequest", api.UpdateWebhookRequest{URL: "https://x.example", Events: []string{"*"}, Status: "enabled"}},
		{"ResendEventRequest", api.ResendEventRequest{WebhookID: webhookID}},
	}
	for _, c := range cases {
		t.Run(c.schema, func(t *testing.T) {
			t.Parallel()
			text, err := json.Marshal(c.value)
			if err != nil {
				t.Fatal(err)
			}
			if err := apitest.Validate(c.schema, text); err != nil {
				t.Errorf("%v\n%s", err, text)
			}
			back := reflect.New(reflect.TypeOf(c.value))
			if err := json.Unmarshal(text, back.Interface()); err != nil {
				t.Fatal(err)
			}
			if diff := cmp.Diff(c.value, back.Elem().Interface()); diff != "" {
				t.Error(diff)
			}
		})
	}
}

// TestWebhookMembers: each struct has the members of its schema, in its order, no more and no less.
func TestWebhookMembers(t *testing.T) {
	t.Parallel()
	schemas := document(t).Components.Schemas
	for name, value := range map[string]any{
		"WebhookWithSecretAttributes": api.WebhookAttributes{}, "EventAttributes": api.EventAttributes{},
		"DeliveryAttributes": api.DeliveryAttributes{}, "Attempt": api.Attempt{}, "DeletedAttributes": api.DeletedAttributes{},
		"CreateWebhookRequest": api.CreateWebhookRequest{}, "UpdateWebhookRequest": api.UpdateWebhookRequest{},
		"ResendEventRequest": api.ResendEventRequest{}, "OrderPayload": api.EventPayload{}, "SessionPayload": api.EventPayload{},
		"EventOrder": api.EventOrder{}, "EventSource": api.EventSource{}, "EventDestination": api.EventDestination{},
		"EventMetadata": api.EventMetadata{}, "EventSession": api.EventSession{},
	} {
		got := slices.Sorted(slices.Values(tags(value)))
		if want := slices.Sorted(maps.Keys(schemas[name].Value.Properties)); !slices.Equal(got, want) {
			t.Errorf("%s: struct %v, schema %v", name, got, want)
		}
	}
	var p api.EventPayload
	if err := json.Unmarshal([]byte(exampleBody), &p); err != nil {
		t.Fatal(err)
	}
	if text, err := json.Marshal(p); err != nil || string(text) != exampleBody {
		t.Errorf("a body comes back as %s (%v)", text, err)
	}
}
