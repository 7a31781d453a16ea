package httpapi

import (
	"net/http"
	"time"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/app"
	"github.com/sliproad/sliproad/internal/checkout"
	"github.com/sliproad/sliproad/internal/webhook"
)

// webhookEndpoints are the routes of contract §4.
var webhookEndpoints = []endpoint{
	{op: "createWebhook", method: http.MethodPost, path: "/v1/webhooks", auth: authSecret, handle: createWebhook},
	{op: "listWebhooks", method: http.MethodGet, path: "/v1/webhooks", auth: authSecret, handle: listWebhooks},
	{op: "getWebhook", method: http.MethodGet, path: "/v1/webhooks/{id}", auth: authSecret, handle: getWebhook},
	{op: "updateWebhook", method: http.MethodPatch, path: "/v1/webhooks/{id}", auth: authSecret, handle: updateWebhook},
	{op: "deleteWebhook", method: http.MethodDelete, path: "/v1/webhooks/{id}", auth: authSecret, handle: deleteWebhook},
	{op: "rotateWebhookSecret", method: http.MethodPost, path: "/v1/webhooks/{id}/rotate-secret", auth: authSecret, bodyOptional: true, handle: rotateWebhookSecret},
	{op: "testWebhook", method: http.MethodPost, path: "/v1/webhooks/{id}/test", auth: authSecret, bodyOptional: true, handle: testWebhook},
	{op: "listEvents", method: http.MethodGet, path: "/v1/events", auth: authSecret, handle: listEvents},
	{op: "getEvent", method: http.MethodGet, path: "/v1/events/{id}", auth: authSecret, handle: getEvent},
	{op: "listDeliveries", method: http.MethodGet, path: "/v1/events/{id}/deliveries", auth: authSecret, handle: listDeliveries},
	{op: "resendEvent", method: http.MethodPost, path: "/v1/events/{id}/resend", auth: authSecret, bodyOptional: true, handle: resendEvent},
}

func (x *exchange) webhookID() checkout.WebhookID { return checkout.WebhookID(x.inPath("id")) }
func (x *exchange) eventID() checkout.EventID     { return checkout.EventID(x.inPath("id")) }

func webhookInput(x *exchange) *checkout.WebhookInput {
	in := &checkout.WebhookInput{}
	b, p := x.body, &in.Problems
	in.URL, in.Events, in.Secret, in.Status = b.text(p, "url"), b.texts(p, "events"), b.text(p, "secret"), b.text(p, "status")
	return in
}

func createWebhook(s *Server, x *exchange) (int, any, error) {
	made, err := s.App.CreateWebhook(x.r.Context(), x.call, webhookInput(x))
	return newWebhookAnswer(http.StatusCreated, made, err)
}

func rotateWebhookSecret(s *Server, x *exchange) (int, any, error) {
	made, err := s.App.RotateWebhookSecret(x.r.Context(), x.call, x.webhookID())
	return newWebhookAnswer(http.StatusOK, made, err)
}

func newWebhookAnswer(status int, made *app.NewWebhook, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	out := presentWebhook(made.Webhook)
	out.Attributes.Secret = made.Secret
	return status, out, nil
}

func listWebhooks(s *Server, x *exchange) (int, any, error) {
	q := parseQuery(x.r)
	page := q.page()
	if err := q.Err(); err != nil {
		return 0, nil, err
	}
	rows, err := s.App.ListWebhooks(x.r.Context(), x.call, page)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, list(rows, page, presentWebhook), nil
}

func getWebhook(s *Server, x *exchange) (int, any, error) {
	w, err := s.App.GetWebhook(x.r.Context(), x.call, x.webhookID())
	return webhookAnswer(w, err)
}

func updateWebhook(s *Server, x *exchange) (int, any, error) {
	w, err := s.App.UpdateWebhook(x.r.Context(), x.call, x.webhookID(), webhookInput(x))
	return webhookAnswer(w, err)
}

func webhookAnswer(w *checkout.Webhook, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, presentWebhook(w), nil
}

func deleteWebhook(s *Server, x *exchange) (int, any, error) {
	w, err := s.App.DeleteWebhook(x.r.Context(), x.call, x.webhookID())
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, api.DeletedWebhook{Type: api.KindWebhook, ID: string(w.ID), Attributes: api.DeletedAttributes{Deleted: true}}, nil
}

func testWebhook(s *Server, x *exchange) (int, any, error) {
	e, err := s.App.TestWebhook(x.r.Context(), x.call, x.webhookID())
	return eventAnswer(e, err)
}

func listEvents(s *Server, x *exchange) (int, any, error) {
	q := parseQuery(x.r)
	page := q.page()
	known := append([]checkout.EventType{checkout.EventTest}, checkout.EventTypes...)
	filter := checkout.EventFilter{Type: oneOf(q, "type", known), OrderID: checkout.OrderID(q.text("orderId"))}
	if err := q.Err(); err != nil {
		return 0, nil, err
	}
	rows, err := s.App.ListEvents(x.r.Context(), x.call, filter, page)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, list(rows, page, presentEvent), nil
}

func getEvent(s *Server, x *exchange) (int, any, error) {
	e, err := s.App.GetEvent(x.r.Context(), x.call, x.eventID())
	return eventAnswer(e, err)
}

func eventAnswer(e checkout.Event, err error) (int, any, error) {
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, presentEvent(e), nil
}

func listDeliveries(s *Server, x *exchange) (int, any, error) {
	q := parseQuery(x.r)
	page := q.page()
	if err := q.Err(); err != nil {
		return 0, nil, err
	}
	rows, err := s.App.ListDeliveries(x.r.Context(), x.call, x.eventID(), page)
	if err != nil {
		return 0, nil, err
	}
	return http.StatusOK, list(rows, page, presentDelivery), nil
}

func resendEvent(s *Server, x *exchange) (int, any, error) {
	in := &app.ResendEvent{}
	in.WebhookID = x.body.text(&in.Problems, "webhookId")
	_, made, err := s.App.ResendEvent(x.r.Context(), x.call, x.eventID(), in)
	if err != nil {
		return 0, nil, err
	}
	page := checkout.Page{Number: 1, Size: max(1, len(made))}
	rows := checkout.List[app.LoggedDelivery]{Total: int64(len(made))}
	for _, d := range made {
		rows.Rows = append(rows.Rows, app.LoggedDelivery{Delivery: d})
	}
	return http.StatusOK, list(rows, page, presentDelivery), nil
}

func presentWebhook(w *checkout.Webhook) api.Webhook {
	a := api.WebhookAttributes{
		WebhookID: string(w.ID), URL: w.URL, Events: w.Events, Status: string(w.Status), DisabledReason: optional(w.DisabledReason),
		CreatedAt: timeText(w.CreatedAt), UpdatedAt: timeText(w.UpdatedAt),
	}
	return api.Webhook{Type: api.KindWebhook, ID: string(w.ID), Attributes: a}
}

// milliTime is RFC 3339 in UTC, in milliseconds, as times in events are (contract §1).
func milliTime(t time.Time) string { return t.UTC().Format(webhook.TimeForm) }

func optionalMilliTime(t time.Time) *string {
	if t.IsZero() {
		return nil
	}
	return optional(milliTime(t))
}

func presentEvent(e checkout.Event) api.Event {
	return api.Event{Type: api.KindEvent, ID: string(e.ID), Attributes: api.EventAttributes{
		EventID: string(e.ID), Type: string(e.Type), SessionID: optional(string(e.SessionID)), OrderID: optional(string(e.OrderID)),
		Payload: e.Body, CreatedAt: milliTime(e.CreatedAt),
	}}
}

func presentDelivery(l app.LoggedDelivery) api.Delivery {
	d := l.Delivery
	a := api.DeliveryAttributes{
		DeliveryID: string(d.ID), EventID: string(d.EventID), EventType: string(d.EventType), WebhookID: string(d.WebhookID),
		Status: string(d.Status), Attempts: []api.Attempt{}, CreatedAt: milliTime(d.CreatedAt), FinishedAt: optionalMilliTime(d.FinishedAt),
	}
	if d.Status == checkout.DeliveryPending {
		a.NextAttemptAt = optionalMilliTime(d.DueAt)
	}
	for _, t := range l.Attempts {
		one := api.Attempt{Number: t.Number, At: milliTime(t.At), DurationMs: t.Took.Milliseconds(), Error: optional(t.Error)}
		if t.StatusCode > 0 {
			one.StatusCode = &t.StatusCode
			one.Response = optional(checkout.Legible(string(t.Response)))
		}
		a.Attempts = append(a.Attempts, one)
	}
	return api.Delivery{Type: api.KindDelivery, ID: string(d.ID), Attributes: a}
}
