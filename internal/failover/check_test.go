package failover_test

import (
	"encoding/json"
	"fmt"
	"maps"
	"reflect"
	"slices"
	"strings"
	"testing"
	"time"

	"github.com/google/go-cmp/cmp"

	"github.com/sliproad/sliproad/api"
	"github.com/sliproad/sliproad/internal/sliproadtest"
)

// resource is a session, an order or an event as a list shows it.
type resource struct {
	ID         string
	Attributes map[string]any
}

func (r resource) text(name string) string {
	s, _ := r.Attributes[name].(string)
	return s
}

// world is everything that the API shows.
type world struct {
	sessions, orders, events map[string]resource
}

var statuses = map[string][]string{
	"sessions": {"pending", "confirmed", "processing", "completed", "cancelled", "expired"},
	"orders":   {"created", "pending", "processing", "completed", "failed", "cancelled", "expired", "refunded"},
	"events":   nil,
}

// look walks through all lists, and holds their totals to what they hold. The load has ended, but the nodes still finish what
// a dead one had begun, when its lease is over; so it looks until two walks in a row have found the same, and nothing can have
// changed during the first.
func (f *fleet) look() world {
	f.t.Helper()
	w, problems := f.walkAll()
	for range 20 {
		again, further := f.walkAll()
		if reflect.DeepEqual(w, again) {
			for _, p := range problems {
				f.t.Error(p)
			}
			return w
		}
		w, problems = again, further
	}
	f.t.Fatal("the lists go on changing, though nobody asks for anything")
	return w
}

func (f *fleet) walkAll() (w world, problems []string) {
	f.t.Helper()
	note := func(format string, args ...any) { problems = append(problems, fmt.Sprintf(format, args...)) }
	w = world{f.walk("sessions", note), f.walk("orders", note), f.walk("events", note)}
	return w, problems
}

func (f *fleet) walk(list string, note func(format string, args ...any)) map[string]resource {
	t := f.t
	t.Helper()
	secret, _ := f.nodes[0].client(false)
	all := map[string]resource{}
	byStatus := map[string]int64{}
	path, total := "/v1/"+list+"?pageSize=100", int64(-1)
	for next := path; next != ""; {
		page := sliproadtest.Decode[api.List[resource]](t, secret.Get(t, next))
		for _, r := range page.Data {
			if _, twice := all[r.ID]; twice {
				note("the list of %s has %s twice", list, r.ID)
			}
			all[r.ID] = r
			byStatus[r.text("status")]++
		}
		total, next = page.Pagination.Total, ""
		if c := page.Pagination.NextCursor; c != nil {
			next = path + "&cursor=" + *c
		}
	}
	if total != int64(len(all)) {
		note("the list of %s has %d rows and tells a total of %d", list, len(all), total)
	}
	for _, status := range statuses[list] {
		page := sliproadtest.Decode[api.List[resource]](t, secret.Get(t, "/v1/"+list+"?pageSize=1&status="+status))
		if page.Pagination.Total != byStatus[status] {
			note("the list of %s has %d rows with status %s and tells a total of %d", list, byStatus[status], status, page.Pagination.Total)
		}
	}
	return all
}

// index is the world by what the checks ask for.
type index struct {
	world
	byCustomer map[string][]resource // sessions
	bySession  map[string][]resource // orders
	told       map[string]int        // events, by session, order and type
}

func (w world) index() index {
	x := index{w, map[string][]resource{}, map[string][]resource{}, map[string]int{}}
	for _, s := range w.sessions {
		x.byCustomer[s.text("externalCustomerId")] = append(x.byCustomer[s.text("externalCustomerId")], s)
	}
	for _, o := range w.orders {
		x.bySession[o.text("sessionId")] = append(x.bySession[o.text("sessionId")], o)
	}
	for _, e := range w.events {
		x.told[e.text("sessionId")+" "+e.text("orderId")+" "+e.text("type")]++
	}
	return x
}

// check holds the world to the records. What was in doubt and is there counts as acknowledged from now on: it was read.
func (x index) check(t *testing.T, records []*record) {
	t.Helper()
	known := map[string]bool{}
	for _, r := range records {
		known[r.customer] = true
		x.checkRecord(t, r)
	}
	for id, s := range x.sessions {
		if !known[s.text("externalCustomerId")] {
			t.Errorf("session %s of customer %s is nobody's", id, s.text("externalCustomerId"))
		}
		if n := len(x.bySession[id]); n > 1 {
			t.Errorf("session %s has %d orders", id, n)
		}
	}
	for id, o := range x.orders {
		if s, ok := x.sessions[o.text("sessionId")]; !ok || s.text("orderId") != id {
			t.Errorf("order %s is of session %s, which has order %q", id, o.text("sessionId"), s.text("orderId"))
		}
	}
	for change, n := range x.told {
		if n != 1 {
			t.Errorf("%d events tell %s", n, change)
		}
	}
}

func (x index) checkRecord(t *testing.T, r *record) {
	t.Helper()
	if n := len(x.byCustomer[r.customer]); n > 1 {
		t.Errorf("customer %s asked for one session and has %d", r.customer, n)
	}
	if r.id == "" {
		return
	}
	got, ok := x.sessions[r.id]
	if !ok {
		t.Errorf("LOST: session %s of %s was acknowledged and is not there", r.id, r.customer)
		return
	}
	if r.doubt != nil {
		x.settle(r, got)
	}
	want := maps.Clone(r.attributes)
	want["status"], want["orderId"] = r.sessionStatus(), any(nil)
	if r.order != "" {
		want["orderId"] = r.order
	}
	if r.doubt != nil && r.doubt.op == "order" && got.text("status") == "processing" {
		want["status"] = "processing" // an order half made, until its lease is over: see awaitWhole
	}
	if diff := cmp.Diff(want, got.Attributes); diff != "" {
		t.Errorf("LOST: session %s: -acknowledged +now\n%s", r.id, diff)
	}
	if r.order != "" {
		x.checkOrder(t, r)
	}
	x.checkEvents(t, r)
}

// settle takes over what is visible of the wish in doubt.
func (x index) settle(r *record, got resource) {
	q := *r.doubt
	switch q.op {
	case "confirm":
		if got.text("status") == "confirmed" {
			r.doubt, r.confirmed = nil, true
			r.attributes["destinationAddress"] = got.Attributes["destinationAddress"]
		}
	case "cancel":
		if got.text("status") == "cancelled" {
			r.doubt, r.cancelled = nil, true
		}
	case "order":
		if id := got.text("orderId"); id != "" {
			r.doubt, r.order = nil, id
		}
	default:
		if o, ok := x.orders[r.order]; ok && o.text("status") == q.op {
			r.doubt, r.statuses = nil, append(r.statuses, q.op)
		}
	}
}

func (x index) checkOrder(t *testing.T, r *record) {
	t.Helper()
	got, ok := x.orders[r.order]
	if !ok {
		t.Errorf("LOST: order %s of session %s was acknowledged and is not there", r.order, r.id)
		return
	}
	if status := got.text("status"); status != r.orderStatus() {
		t.Errorf("LOST: order %s of session %s is %s, acknowledged was %s", r.order, r.id, status, strings.Join(append([]string{"created"}, r.statuses...), ", then "))
	}
	now := lasting(got.Attributes)
	for name, want := range r.ordered {
		if diff := cmp.Diff(want, now[name]); diff != "" {
			t.Errorf("LOST: order %s: %s: -acknowledged +now\n%s", r.order, name, diff)
		}
	}
}

// checkEvents wants one event for each acknowledged change.
func (x index) checkEvents(t *testing.T, r *record) {
	t.Helper()
	want := []string{" session.created"}
	if r.confirmed {
		want = append(want, " session.confirmed")
	}
	if r.cancelled {
		want = append(want, " session.cancelled")
	}
	if r.order != "" {
		want = append(want, r.order+" transaction.pending")
	}
	for _, status := range r.statuses {
		if status != "pending" { // an order's own pending is told by no event
			want = append(want, r.order+" transaction."+status)
		}
	}
	for _, change := range want {
		if n := x.told[r.id+" "+change]; n != 1 {
			t.Errorf("LOST: session %s: %d events tell of %s", r.id, n, change)
		}
	}
}

// half are the sessions that are processing without an order.
func (w world) half() (ids []string) {
	for id, s := range w.sessions {
		if s.text("status") == "processing" && s.text("orderId") == "" {
			ids = append(ids, id)
		}
	}
	return ids
}

// awaitWhole waits until no order is half made any more: an order whose node died, or could not record it, is taken over
// after its lease.
func (f *fleet) awaitWhole(w world) {
	f.t.Helper()
	secret, _ := f.nodes[0].client(false)
	for _, id := range w.half() {
		if !await(30*time.Second, func() bool {
			s := sliproadtest.Decode[resource](f.t, secret.Get(f.t, "/v1/sessions/"+id))
			return s.text("status") != "processing" || s.text("orderId") != ""
		}) {
			f.t.Errorf("session %s is still processing without an order", id)
		}
	}
}

// ranks: an order moves to a higher rank only (contract §3).
var ranks = map[string]int{
	"created": 0, "pending": 1, "processing": 2, "completed": 3, "failed": 3, "cancelled": 3, "expired": 3, "refunded": 4,
}

// sessionRanks: what a session may become of what an event said of it.
var sessionRanks = map[string]int{"pending": 0, "confirmed": 1, "processing": 2, "completed": 3, "cancelled": 3, "expired": 3}

// checkWebhooks holds what the receiver was told to the world: each event is in the log, and what it tells of is there, in
// a state that is not older. Its list must be older than the world.
func (w world) checkWebhooks(t *testing.T, got map[string]received) {
	t.Helper()
	for id, m := range got {
		if _, ok := w.events[id]; !ok {
			text, _ := json.Marshal(m)
			t.Errorf("VANISHED: event %s was sent and is not in the log: %s", id, text)
		}
		switch {
		case m.Data.Order != nil:
			o, ok := w.orders[m.Data.Order.ID]
			if !ok || ranks[o.text("status")] < ranks[m.Data.Order.Status] {
				t.Errorf("VANISHED: a webhook said that order %s is %s; now it is %q", m.Data.Order.ID, m.Data.Order.Status, o.text("status"))
			}
		case m.Data.Session != nil:
			s, ok := w.sessions[m.Data.Session.ID]
			if !ok || sessionRanks[s.text("status")] < sessionRanks[m.Data.Session.Status] {
				t.Errorf("VANISHED: a webhook said that session %s is %s; now it is %q", m.Data.Session.ID, m.Data.Session.Status, s.text("status"))
			}
		default:
			t.Errorf("event %s tells of nothing", id)
		}
	}
}

// awaitTold waits until every event of the world has reached the receiver. One that was under way on a node that died, or
// could not record its end, goes out again when its lease is over.
func (w world) awaitTold(t *testing.T, r *receiver, most time.Duration) {
	t.Helper()
	missing := func() (ids []string) {
		got := r.all()
		for id := range w.events {
			if _, ok := got[id]; !ok {
				ids = append(ids, id)
			}
		}
		return ids
	}
	if await(most, func() bool { return len(missing()) == 0 }) {
		return
	}
	ids := missing()
	slices.Sort(ids)
	t.Errorf("of %d events, %d were never sent within %v, such as %v", len(w.events), len(ids), most, w.events[ids[0]])
}
