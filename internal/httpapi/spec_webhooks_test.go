package httpapi_test

import (
	"encoding/json"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/egress"
)

// The ids of the document's examples about webhooks.
const (
	exampleWebhook      = "whk_7Lq3dF9hT5wA1zS6uX8cPm"
	exampleEvent        = "evt_9Ck4nR7sV1xB5yE8aD2fGh"
	exampleSessionEvent = "evt_6Hd3jS8fG1kZ5qW7eR9tYu"
	exampleTestEvent    = "evt_2Tz6wQ9mK4pL8rN1cX5vBj"
	exampleDelivery     = "dlv_3Gn7kV1bM9rT5xC2pH8wZq"
	exampleResent       = "dlv_8Yw2cJ6sN4vF1mQ9tK3bRx"
)

func withEgress(p *parts) { p.app.Egress = egress.New(egress.AllowPrivate, time.Second) }

// learns adds pairs of an example's id and the world's.
func (r *replay) learns(known *[]string, pairs ...string) {
	*known = append(*known, pairs...)
	r.known = strings.NewReplacer(*known...)
}

func attr(t *testing.T, resource any, name string) string {
	t.Helper()
	attrs, _ := resource.(map[string]any)["attributes"].(map[string]any)
	text, _ := attrs[name].(string)
	return text
}

func first(t *testing.T, a answer) any {
	t.Helper()
	data, _ := a.body["data"].([]any)
	if len(data) == 0 {
		t.Fatalf("an empty list: %s", a.raw)
	}
	return data[0]
}

// claim leases the one delivery of that type which is due, past those before it.
func (r *replay) claim(t *testing.T, id string, kind checkout.EventType) app.Outgoing {
	t.Helper()
	w, err := r.db.Webhook(t.Context(), r.project, checkout.WebhookID(id))
	if err != nil {
		t.Fatal(err)
	}
	for range 9 {
		batch, err := r.app.ClaimDeliveries(t.Context(), w, 1)
		if err != nil || len(batch) != 1 {
			t.Fatalf("claimed %d (%v)", len(batch), err)
		}
		if batch[0].Delivery.EventType == kind {
			return batch[0]
		}
		r.finish(t, batch[0], checkout.Attempt{At: r.clock(), StatusCode: 200})
	}
	t.Fatal("never claimed")
	return app.Outgoing{}
}

func (r *replay) finish(t *testing.T, o app.Outgoing, a checkout.Attempt) {
	t.Helper()
	if _, _, err := r.app.FinishDelivery(t.Context(), o, a); err != nil {
		t.Fatal(err)
	}
}

// replayWebhooks takes an endpoint from its creation to its end, with an order's event and its deliveries.
func replayWebhooks(t *testing.T, r *replay, retrying bool) {
	t.Helper()
	known := []string{exampleProject, string(r.project)}
	hook := r.post(t, "/v1/webhooks", r.sk, r.example(t, "CreateWebhook")).want(t, 201)
	id := hook.attr("webhookId")
	r.learns(&known, exampleWebhook, id)
	r.same(t, "WebhookCreated", hook)
	path := "/v1/webhooks/" + id
	r.same(t, "Webhook", r.get(t, path, r.sk).want(t, 200))
	r.same(t, "WebhookList", r.get(t, "/v1/webhooks", r.sk).want(t, 200))

	session := r.post(t, "/v1/sessions", r.sk, r.example(t, "CreateSessionOnramp")).want(t, 201)
	r.learns(&known, exampleSession, session.attr("sessionId"), exampleSecret, session.attr("clientSecret"))
	made := first(t, r.get(t, "/v1/events?type=session.created", r.sk).want(t, 200))
	r.learns(&known, exampleSessionEvent, attr(t, made, "eventId"))
	r.same(t, "EventOfSession", r.get(t, "/v1/events/"+attr(t, made, "eventId"), r.sk).want(t, 200))

	r.pass(5 * time.Minute)
	body := strings.Replace(r.example(t, "CreateOrderFull"), `"email":"payer@example.com",`, "", 1)
	order := r.post(t, "/v1/sessions/"+session.attr("sessionId")+"/order", r.sk, body).want(t, 201).attr("orderId")
	r.pass(2*time.Minute + 30*time.Second)
	r.post(t, "/v1/test_helpers/orders/"+order+"/simulate", r.sk, r.example(t, "SimulateOrder")).want(t, 200)
	list := r.get(t, "/v1/events?type=transaction.completed&orderId="+order, r.sk).want(t, 200)
	event := attr(t, first(t, list), "eventId")
	r.learns(&known, exampleOrder, order, exampleEvent, event)
	r.same(t, "EventList", list)
	r.same(t, "Event", r.get(t, "/v1/events/"+event, r.sk).want(t, 200))

	deliveries := "/v1/events/" + event + "/deliveries"
	r.learns(&known, exampleDelivery, attr(t, first(t, r.get(t, deliveries, r.sk).want(t, 200)), "deliveryId"))
	out := r.claim(t, id, checkout.EventCompleted)
	if retrying {
		r.finish(t, out, checkout.Attempt{At: r.clock(), StatusCode: 503, Took: 12 * time.Millisecond, Response: []byte("Down for maintenance")})
		r.same(t, "DeliveryListRetrying", r.get(t, deliveries, r.sk).want(t, 200))
		return
	}
	at := r.clock()
	r.pass(30 * time.Second)
	r.finish(t, out, checkout.Attempt{At: at, Took: 30 * time.Second, Error: "no answer within 30 s"})
	r.pass(6 * time.Second)
	out = r.claim(t, id, checkout.EventCompleted)
	r.pass(-959 * time.Millisecond)
	r.finish(t, out, checkout.Attempt{At: at.Add(35 * time.Second), StatusCode: 200, Took: 41 * time.Millisecond, Response: []byte("ok")})
	r.same(t, "DeliveryList", r.get(t, deliveries, r.sk).want(t, 200))
	r.pass(115*time.Second - 41*time.Millisecond) // 12:10
	replayWebhookEnd(t, r, &known, path, event)
}

func replayWebhookEnd(t *testing.T, r *replay, known *[]string, path, event string) {
	t.Helper()
	tested := r.post(t, path+"/test", r.sk, r.example(t, "EmptyRequest")).want(t, 200)
	r.learns(known, exampleTestEvent, tested.attr("eventId"))
	r.same(t, "EventTest", tested)
	resent := r.post(t, "/v1/events/"+event+"/resend", r.sk, r.example(t, "ResendEvent")).want(t, 200)
	r.learns(known, exampleResent, attr(t, first(t, resent), "deliveryId"))
	r.same(t, "DeliveryListResent", resent)
	r.post(t, "/v1/events/"+event+"/resend", r.sk, "").want(t, 200)
	r.same(t, "WebhookRotated", r.post(t, path+"/rotate-secret", r.sk, "").want(t, 200))
	disabled := r.send(t, "127.0.0.1:4000", http.MethodPatch, path, r.sk, r.example(t, "UpdateWebhookDisable")).want(t, 200)
	r.same(t, "WebhookDisabled", disabled)
	r.post(t, path+"/test", r.sk, "").want(t, 400)
	changed := r.send(t, "127.0.0.1:4000", http.MethodPatch, path, r.sk, r.example(t, "UpdateWebhookEvents")).want(t, 200)
	if changed.attr("status") != "enabled" || changed.attr("url") != "https://shop.example.com/hooks/crypto" {
		t.Errorf("not changed: %s", changed.raw)
	}
	r.same(t, "WebhookDeleted", r.send(t, "127.0.0.1:4000", http.MethodDelete, path, r.sk, "").want(t, 200))
	r.send(t, "127.0.0.1:4000", http.MethodDelete, path, r.sk, "").want(t, 404)
	r.pass(-10 * time.Minute)
	own := r.post(t, "/v1/webhooks", r.sk, r.example(t, "CreateWebhookOwnSecret")).want(t, 201)
	r.learns(known, own.attr("webhookId"), exampleWebhook)
	r.known = strings.NewReplacer(exampleWebhook, own.attr("webhookId"))
	r.same(t, "WebhookCreatedOwnSecret", own)
	if own.attr("secret") != "whsec_MfKQ9r8GKYqrTwjUPD8ILPZIo2LaLaSw" {
		t.Errorf("secret %q", own.attr("secret"))
	}
}

// TestEventTypesMatchDocument: one list of events, in the domain, the client and the document.
func TestEventTypesMatchDocument(t *testing.T) {
	t.Parallel()
	var inDomain []string
	for _, e := range append(slices.Clone(checkout.EventTypes), checkout.EventTest) {
		inDomain = append(inDomain, string(e))
	}
	if diff := cmp.Diff(inDomain, api.EventTypes()); diff != "" {
		t.Errorf("the domain (-) and the client (+):\n%s", diff)
	}
}

// TestEveryEvent brings about each event, whose payload then is that of the document (the answers are held to it).
func TestEveryEvent(t *testing.T) {
	t.Parallel()
	w := newWorld(t, withEgress)
	names, err := json.Marshal(checkout.EventTypes)
	if err != nil {
		t.Fatal(err)
	}
	hook := w.post(t, "/v1/webhooks", w.sk, `{"url": "http://127.0.0.1:9/", "events": `+string(names)+`}`).want(t, 201).attr("webhookId")
	for _, statuses := range [][]string{
		{"processing", "completed", "refunded"}, {"failed", "completed", "refunded"}, {"cancelled", "completed"}, {"expired", "completed"},
	} {
		id, secret := w.session(t)
		w.post(t, "/v1/sessions/"+id+"/confirm", w.pk, `{"clientSecret": "`+secret+`"}`).want(t, 200)
		order := w.post(t, "/v1/sessions/"+id+"/order", w.pk, orderBody(secret, someone)).want(t, 201).attr("orderId")
		for _, status := range statuses {
			w.post(t, "/v1/test_helpers/orders/"+order+"/simulate", w.sk, `{"status": "`+status+`"}`).want(t, 200)
		}
	}
	cancelled, _ := w.session(t)
	w.post(t, "/v1/sessions/"+cancelled+"/cancel", w.sk, "").want(t, 200)
	w.session(t)
	w.pass(time.Hour)
	if _, _, err := w.app.ExpireSessions(t.Context()); err != nil {
		t.Fatal(err)
	}
	w.post(t, "/v1/webhooks/"+hook+"/test", w.sk, "").want(t, 200)
	for _, name := range api.EventTypes() {
		a := w.get(t, "/v1/events?type="+name, w.sk).want(t, 200)
		if data, _ := a.body["data"].([]any); len(data) == 0 {
			t.Errorf("no %s: %s", name, a.raw)
		}
	}
}
