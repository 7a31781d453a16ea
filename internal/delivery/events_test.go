package delivery_test

import (
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// TestEventList: newest first, by page and by cursor, with filters and an exact total.
func TestEventList(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	first, second := newOrder(t, c), newOrder(t, c)
	for _, status := range []string{"processing", "completed", "refunded"} {
		move(t, c, first.ID, status)
	}
	move(t, c, second.ID, "failed")
	types := func(p api.ListEventsParams) []string {
		list := must(c.ListEvents(t.Context(), p))(t)
		var got []string
		for _, e := range list.Data {
			got = append(got, e.Attributes.Type)
		}
		return append(got, "of", string(rune('0'+list.Pagination.Total)))
	}
	const pending, created = "transaction.pending", "session.created"
	for _, tt := range []struct {
		p    api.ListEventsParams
		want []string
	}{
		{api.ListEventsParams{}, []string{
			"transaction.failed", "transaction.refunded", "transaction.completed", "transaction.processing", pending, created, pending, created, "of", "8",
		}},
		{api.ListEventsParams{OrderID: first.ID}, []string{"transaction.refunded", "transaction.completed", "transaction.processing", pending, "of", "4"}},
		{api.ListEventsParams{OrderID: second.ID, Type: "transaction.failed"}, []string{"transaction.failed", "of", "1"}},
		{api.ListEventsParams{OrderID: second.ID, Type: "transaction.completed"}, []string{"of", "0"}},
		{api.ListEventsParams{OrderID: "ord_none"}, []string{"of", "0"}},
		{api.ListEventsParams{Type: pending}, []string{pending, pending, "of", "2"}},
		{api.ListEventsParams{Type: created, PageSize: 1, Page: 2}, []string{created, "of", "2"}},
		{api.ListEventsParams{PageSize: 3, Page: 3}, []string{pending, created, "of", "8"}},
		{api.ListEventsParams{PageSize: 3, Page: 4}, []string{"of", "8"}},
		{api.ListEventsParams{OrderID: first.ID, PageSize: 3, Page: 2}, []string{pending, "of", "4"}},
	} {
		if diff := cmp.Diff(tt.want, types(tt.p)); diff != "" {
			t.Errorf("%+v (- want, + got):\n%s", tt.p, diff)
		}
	}
	whole := events(t, c, api.ListEventsParams{})
	if diff := cmp.Diff(whole, events(t, c, api.ListEventsParams{PageSize: 3})); diff != "" || len(whole) != 8 {
		t.Errorf("by cursor, %d events:\n%s", len(whole), diff)
	}
	byOrder := events(t, c, api.ListEventsParams{OrderID: first.ID})
	if diff := cmp.Diff(byOrder, events(t, c, api.ListEventsParams{OrderID: first.ID, PageSize: 1})); diff != "" || len(byOrder) != 4 {
		t.Errorf("of an order by cursor, %d events:\n%s", len(byOrder), diff)
	}
	for _, e := range whole {
		if diff := cmp.Diff(e, must(c.GetEvent(t.Context(), e.ID))(t)); diff != "" {
			t.Errorf("%s in the list (-) and alone (+):\n%s", e.ID, diff)
		}
	}
	for query, field := range map[string]string{
		"page=0": "page", "page=x": "page", "pageSize=0": "pageSize", "pageSize=101": "pageSize", "cursor=x": "cursor",
		"type=transaction.done": "type", "type=": "type", "orderId=": "orderId",
	} {
		refused(t, c.Get(t, "/v1/events?"+query), 400, api.CodeValidation, field)
	}
	for _, path := range []string{"/v1/webhooks?page=0", "/v1/events/" + whole[0].ID + "/deliveries?page=0"} {
		refused(t, c.Get(t, path), 400, api.CodeValidation, "page")
	}
	for _, path := range []string{"/v1/events/evt_none", "/v1/events/evt_none/deliveries"} {
		refused(t, c.Get(t, path), 404, api.CodeNotFound)
	}
	refused(t, c.Post(t, "/v1/events/evt_none/resend", nil), 404, api.CodeNotFound)
}

// TestWebhookList: newest first, by page and by cursor.
func TestWebhookList(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	var want []string
	for range 5 {
		w := must(c.CreateWebhook(t.Context(), api.CreateWebhookRequest{URL: "https://1.1.1.1/", Events: []string{"*"}}))(t)
		want = slices.Insert(want, 0, w.ID)
	}
	for _, size := range []int{1, 2, 5, 100} {
		var byCursor, byPage []string
		for w, err := range c.Webhooks(t.Context(), api.PageParams{PageSize: size}) {
			if err != nil {
				t.Fatal(err)
			}
			byCursor = append(byCursor, w.ID)
		}
		for page := 1; len(byPage) < len(want) && page <= len(want); page++ {
			list := must(c.ListWebhooks(t.Context(), api.PageParams{PageSize: size, Page: page}))(t)
			if list.Pagination.Total != 5 {
				t.Errorf("the total is %d", list.Pagination.Total)
			}
			for _, w := range list.Data {
				byPage = append(byPage, w.ID)
			}
		}
		if !slices.Equal(byCursor, want) || !slices.Equal(byPage, want) {
			t.Errorf("by %d: cursor %v, page %v, want %v", size, byCursor, byPage, want)
		}
	}
}

// TestResend: an event goes again to all that subscribe, or to the one named, as it was and with an own delivery.
func TestResend(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	one, two := newReceiver(t, nil).subscribe(t, c, "*"), newReceiver(t, nil).subscribe(t, c, "*")
	deaf := newReceiver(t, nil).subscribe(t, c, "transaction.refunded")
	newOrder(t, c)
	event := one.await(t, 1)[0].payload.ID
	two.await(t, 1)
	made := must(c.ResendEvent(t.Context(), event, api.ResendEventRequest{}))(t)
	if len(made.Data) != 2 || made.Pagination.Total != 2 {
		t.Fatalf("made %+v", made)
	}
	one.await(t, 2)
	two.await(t, 2)
	made = must(c.ResendEvent(t.Context(), event, api.ResendEventRequest{WebhookID: two.ID}))(t)
	if len(made.Data) != 1 || made.Data[0].Attributes.WebhookID != two.ID || made.Data[0].Attributes.Status != "pending" {
		t.Fatalf("made %+v", made)
	}
	logged(t, c, event, two.ID, func(d api.DeliveryAttributes) bool { return d.DeliveryID == made.Data[0].ID && delivered(d) })
	if a := c.Post(t, "/v1/events/"+event+"/resend", nil); a.Status != 200 { // without a body
		t.Errorf("got %v", a)
	}
	seen := map[string]bool{}
	for r, n := range map[*receiver]int{one: 3, two: 4} {
		got := r.await(t, n)
		for _, m := range got {
			id := m.header.Get("X-Webhook-Delivery-Id")
			if string(m.body) != string(got[0].body) || m.payload.ID != event || seen[id] {
				t.Errorf("delivery %s is %s, the first was %s", id, m.body, got[0].body)
			}
			seen[id] = true
		}
	}
	all := deliveries(t, c, event)
	if len(all) != 7 || len(deaf.got()) != 0 {
		t.Errorf("there are %d deliveries, want 7; the one who had not subscribed got %d", len(all), len(deaf.got()))
	}
	var byCursor []api.DeliveryAttributes
	for d, err := range c.Deliveries(t.Context(), event, api.PageParams{PageSize: 3}) {
		if err != nil {
			t.Fatal(err)
		}
		byCursor = append(byCursor, d.Attributes)
	}
	page := must(c.ListDeliveries(t.Context(), event, api.PageParams{PageSize: 3, Page: 3}))(t)
	if len(byCursor) != 7 || len(page.Data) != 1 || page.Pagination.Total != 7 || page.Pagination.TotalPages != 3 || page.Data[0].ID != all[6].DeliveryID {
		t.Errorf("by cursor %d deliveries; the third page is %+v", len(byCursor), page)
	}
}

// TestTestEvent goes to the endpoint alone, whatever that and others subscribe to.
func TestTestEvent(t *testing.T) {
	t.Parallel()
	s := sliproadtest.Start(t)
	c := s.Secret()
	r, other := newReceiver(t, nil).subscribe(t, c, "transaction.refunded"), newReceiver(t, nil).subscribe(t, c, "*")
	event := must(c.TestWebhook(t.Context(), r.ID))(t)
	m := r.await(t, 1)[0]
	if m.payload.ID != event.ID || m.payload.Type != "webhook.test" || string(m.body) != string(event.Attributes.Payload) {
		t.Errorf("got %s, want %s", m.body, event.Attributes.Payload)
	}
	if list := deliveries(t, c, event.ID); len(list) != 1 || list[0].WebhookID != r.ID || len(other.got()) != 0 {
		t.Errorf("the test has the deliveries %+v", list)
	}
	if list := events(t, c, api.ListEventsParams{Type: "webhook.test"}); len(list) != 1 || list[0].ID != event.ID {
		t.Errorf("the log has %d tests", len(list))
	}
	made := must(c.ResendEvent(t.Context(), event.ID, api.ResendEventRequest{WebhookID: r.ID}))(t)
	if again := r.await(t, 2)[1]; len(made.Data) != 1 || string(again.body) != string(m.body) {
		t.Errorf("sent again, it is %s", again.body)
	}
}
