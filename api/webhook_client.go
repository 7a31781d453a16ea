package api

import (
	"context"
	"iter"
	"net/http"
	"net/url"
)

// CreateWebhookRequest is the body of createWebhook (contract §4). A zero member is not sent; URL and Events are required.
type CreateWebhookRequest struct {
	URL string `json:"url,omitempty"`
	// Events are names, or [AllTransactionEvents].
	Events []string `json:"events,omitempty"`
	// Secret is made by the server if it is empty.
	Secret string `json:"secret,omitempty"`
	Status string `json:"status,omitempty"`
}

// UpdateWebhookRequest is the body of updateWebhook. A zero member is not sent, and changes nothing.
type UpdateWebhookRequest struct {
	URL    string   `json:"url,omitempty"`
	Events []string `json:"events,omitempty"`
	Status string   `json:"status,omitempty"`
}

// ResendEventRequest is the body of resendEvent. Without WebhookID the event goes to all that subscribe to it.
type ResendEventRequest struct {
	WebhookID string `json:"webhookId,omitempty"`
}

// PageParams are the parameters of a list without filters. Zero ones are not sent.
type PageParams struct {
	Page     int
	PageSize int
	Cursor   string
}

func (p PageParams) query() url.Values { return pageQuery(p.Page, p.PageSize, p.Cursor) }

// ListEventsParams are the parameters of listEvents. Zero ones are not sent.
type ListEventsParams struct {
	Page     int
	PageSize int
	Cursor   string
	Type     string
	OrderID  string
}

func (p ListEventsParams) query() url.Values {
	q := pageQuery(p.Page, p.PageSize, p.Cursor)
	setText(q, "type", p.Type)
	setText(q, "orderId", p.OrderID)
	return q
}

// CreateWebhook creates an endpoint that events are sent to. Its Secret is given by this and by RotateWebhookSecret only.
func (c *Client) CreateWebhook(ctx context.Context, body CreateWebhookRequest, opts ...CallOption) (*Webhook, error) {
	return send[Webhook](ctx, c, call{method: http.MethodPost, path: "/v1/webhooks", body: body, creates: true}, opts)
}

// ListWebhooks reads one page of endpoints.
func (c *Client) ListWebhooks(ctx context.Context, p PageParams) (*List[Webhook], error) {
	return send[List[Webhook]](ctx, c, call{method: http.MethodGet, path: "/v1/webhooks", query: p.query()}, nil)
}

// Webhooks goes through all endpoints, as Sessions does.
func (c *Client) Webhooks(ctx context.Context, p PageParams) iter.Seq2[*Webhook, error] {
	return pages(func(cursor string) (*List[Webhook], error) {
		return c.ListWebhooks(ctx, p.after(cursor))
	})
}

// GetWebhook reads an endpoint.
func (c *Client) GetWebhook(ctx context.Context, id string) (*Webhook, error) {
	return send[Webhook](ctx, c, call{method: http.MethodGet, path: webhookPath(id, "")}, nil)
}

// UpdateWebhook changes an endpoint. It is not tried again.
func (c *Client) UpdateWebhook(ctx context.Context, id string, body UpdateWebhookRequest) (*Webhook, error) {
	return send[Webhook](ctx, c, call{method: http.MethodPatch, path: webhookPath(id, ""), body: body}, nil)
}

// DeleteWebhook removes an endpoint. It is not tried again.
func (c *Client) DeleteWebhook(ctx context.Context, id string) (*DeletedWebhook, error) {
	return send[DeletedWebhook](ctx, c, call{method: http.MethodDelete, path: webhookPath(id, "")}, nil)
}

// RotateWebhookSecret gives an endpoint a fresh secret, once however often it is sent. The old one signs too for 24 hours.
func (c *Client) RotateWebhookSecret(ctx context.Context, id string, opts ...CallOption) (*Webhook, error) {
	cl := call{method: http.MethodPost, path: webhookPath(id, "/rotate-secret"), creates: true}
	return send[Webhook](ctx, c, cl, opts)
}

// TestWebhook sends an endpoint a test event, and returns that without waiting for the delivery.
func (c *Client) TestWebhook(ctx context.Context, id string, opts ...CallOption) (*Event, error) {
	return send[Event](ctx, c, call{method: http.MethodPost, path: webhookPath(id, "/test"), creates: true}, opts)
}

// ListEvents reads one page of events.
func (c *Client) ListEvents(ctx context.Context, p ListEventsParams) (*List[Event], error) {
	return send[List[Event]](ctx, c, call{method: http.MethodGet, path: "/v1/events", query: p.query()}, nil)
}

// Events goes through all events that match p, as Sessions does.
func (c *Client) Events(ctx context.Context, p ListEventsParams) iter.Seq2[*Event, error] {
	return pages(func(cursor string) (*List[Event], error) {
		if cursor != "" {
			p.Page, p.Cursor = 0, cursor
		}
		return c.ListEvents(ctx, p)
	})
}

// GetEvent reads an event.
func (c *Client) GetEvent(ctx context.Context, id string) (*Event, error) {
	return send[Event](ctx, c, call{method: http.MethodGet, path: eventPath(id, "")}, nil)
}

// ListDeliveries reads one page of an event's deliveries, with their attempts.
func (c *Client) ListDeliveries(ctx context.Context, eventID string, p PageParams) (*List[Delivery], error) {
	cl := call{method: http.MethodGet, path: eventPath(eventID, "/deliveries"), query: p.query()}
	return send[List[Delivery]](ctx, c, cl, nil)
}

// Deliveries goes through all deliveries of an event, as Sessions does.
func (c *Client) Deliveries(ctx context.Context, eventID string, p PageParams) iter.Seq2[*Delivery, error] {
	return pages(func(cursor string) (*List[Delivery], error) {
		return c.ListDeliveries(ctx, eventID, p.after(cursor))
	})
}

// ResendEvent makes new deliveries of an event and returns all of them.
func (c *Client) ResendEvent(
	ctx context.Context, id string, body ResendEventRequest, opts ...CallOption,
) (*List[Delivery], error) {
	cl := call{method: http.MethodPost, path: eventPath(id, "/resend"), body: body, creates: true}
	return send[List[Delivery]](ctx, c, cl, opts)
}

// after is the page behind the cursor; the first one where there is none yet.
func (p PageParams) after(cursor string) PageParams {
	if cursor != "" {
		p.Page, p.Cursor = 0, cursor
	}
	return p
}

func webhookPath(id, action string) string { return "/v1/webhooks/" + url.PathEscape(id) + action }
func eventPath(id, action string) string   { return "/v1/events/" + url.PathEscape(id) + action }
