package contract_test

import (
	"fmt"
	"maps"
	"slices"
	"testing"

	"github.com/google/go-cmp/cmp"
)

// seven is one customer with seven sessions, the first with an order, the
// second cancelled, the third confirmed, the fourth an offramp.
type seven struct {
	name, customer string
	sessions       []session
	order          string
}

func makeSeven(t *testing.T) seven {
	t.Helper()
	set := seven{name: fresh("list")}
	for i := range 7 {
		over := obj{"externalCustomerId": set.name}
		if i == 3 {
			over["type"] = "offramp"
		}
		set.sessions = append(set.sessions, dev.session(t, over))
	}
	set.customer = text(set.sessions[0].attrs["customerId"])
	set.order = text(set.sessions[0].order(t, nil).ok(t, 201)["orderId"])
	set.sessions[1].cancel(t).ok(t, 200)
	set.sessions[2].confirm(t, nil).ok(t, 200)
	return set
}

// pick gives the ids of the sessions with these places, in the given order.
func (s seven) pick(places ...int) []string {
	list := []string{}
	for _, i := range places {
		list = append(list, s.sessions[i].id)
	}
	return list
}

func wantIDs(t *testing.T, items []obj, want []string) {
	t.Helper()
	if diff := cmp.Diff(want, ids(items)); diff != "" {
		t.Fatalf("-want +got:\n%s", diff)
	}
}

// TestSessionList: §2.8 and §1 Lists.
func TestSessionList(t *testing.T) {
	t.Parallel()
	set := makeSeven(t)
	for _, c := range []struct {
		name  string
		query []string
		want  []int
		total int
		page  obj
	}{
		{"newest first", nil, []int{6, 5, 4, 3, 2, 1, 0}, 7, obj{"page": 1, "pageSize": 25, "totalPages": 1, "nextCursor": nil}},
		{"page 1 of 3", []string{"page", "1", "pageSize", "3"}, []int{6, 5, 4}, 7, obj{"page": 1, "pageSize": 3, "totalPages": 3}},
		{"page 2 of 3", []string{"page", "2", "pageSize", "3"}, []int{3, 2, 1}, 7, obj{"page": 2, "pageSize": 3, "totalPages": 3}},
		{"page 3 of 3", []string{"page", "3", "pageSize", "3"}, []int{0}, 7, obj{"page": 3, "totalPages": 3, "nextCursor": nil}},
		{"a page past the end: empty data, exact total", []string{"page", "4", "pageSize", "3"}, nil, 7, obj{"page": 4, "totalPages": 3}},
		{"a page far past the end", []string{"page", "1000000000"}, nil, 7, obj{"page": 1000000000}},
		{"pageSize 1", []string{"pageSize", "1"}, []int{6}, 7, obj{"pageSize": 1, "totalPages": 7}},
		{"pageSize 100", []string{"pageSize", "100"}, []int{6, 5, 4, 3, 2, 1, 0}, 7, obj{"pageSize": 100, "totalPages": 1}},
		{"a full last page", []string{"pageSize", "7"}, []int{6, 5, 4, 3, 2, 1, 0}, 7, obj{"totalPages": 1, "nextCursor": nil}},
		{"status pending", []string{"status", "pending"}, []int{6, 5, 4, 3}, 4, nil},
		{"status confirmed", []string{"status", "confirmed"}, []int{2}, 1, nil},
		{"status processing", []string{"status", "processing"}, []int{0}, 1, nil},
		{"status cancelled", []string{"status", "cancelled"}, []int{1}, 1, nil},
		{"status completed", []string{"status", "completed"}, nil, 0, nil},
		{"status expired", []string{"status", "expired"}, nil, 0, nil},
		{"type offramp", []string{"type", "offramp"}, []int{3}, 1, nil},
		{"type onramp", []string{"type", "onramp"}, []int{6, 5, 4, 2, 1, 0}, 6, nil},
		{"customerId", []string{"customerId", set.customer}, []int{6, 5, 4, 3, 2, 1, 0}, 7, nil},
		{"another customerId", []string{"customerId", unknownUUID}, nil, 0, nil},
		{"status and type", []string{"status", "pending", "type", "onramp"}, []int{6, 5, 4}, 3, nil},
		{"status, type and page", []string{"status", "pending", "type", "onramp", "page", "2", "pageSize", "2"}, []int{4}, 3, obj{"totalPages": 2}},
		{"createdAfter long ago", []string{"createdAfter", "2020-01-01T00:00:00Z"}, []int{6, 5, 4, 3, 2, 1, 0}, 7, nil},
		{"createdAfter in the future", []string{"createdAfter", "2999-01-01T00:00:00Z"}, nil, 0, nil},
		{"createdBefore long ago", []string{"createdBefore", "2020-01-01T00:00:00Z"}, nil, 0, nil},
		{"createdBefore in the future", []string{"createdBefore", "2999-01-01T00:00:00+02:00"}, []int{6, 5, 4, 3, 2, 1, 0}, 7, nil},
		{"createdAfter and createdBefore and status", []string{"createdAfter", "2020-01-01T00:00:00Z", "createdBefore", "2999-01-01T00:00:00Z", "status", "cancelled"}, []int{1}, 1, nil},
	} {
		t.Run("§2.8 list: "+c.name, func(t *testing.T) {
			t.Parallel()
			items, pagination := dev.list(t, "/v1/sessions", append(c.query, "externalCustomerId", set.name)...)
			wantIDs(t, items, set.pick(c.want...))
			same(t, pagination, merge(obj{"total": c.total}, c.page))
		})
	}
}

func TestSessionListMore(t *testing.T) {
	t.Parallel()
	set := makeSeven(t)
	t.Run("§2.8 list: an unknown externalCustomerId", func(t *testing.T) {
		t.Parallel()
		items, pagination := dev.list(t, "/v1/sessions", "externalCustomerId", "nobody")
		wantIDs(t, items, []string{})
		same(t, pagination, obj{"total": 0, "nextCursor": nil})
	})
	t.Run("§2.8 list: items are the resources that GET gives", func(t *testing.T) {
		t.Parallel()
		items, _ := dev.list(t, "/v1/sessions", "externalCustomerId", set.name, "pageSize", "1")
		wantIDs(t, items, set.pick(6))
		same(t, items[0], dev.get(t, set.sessions[6].path(""), dev.SK).body)
	})
	t.Run("§1 lists: newest first (createdAt, then id): ids order by creation", func(t *testing.T) {
		t.Parallel()
		if list := set.pick(0, 1, 2, 3, 4, 5, 6); !slices.IsSorted(list) {
			t.Errorf("ids are %v", list)
		}
	})
	t.Run("§2.8 list: without filters: default pageSize", func(t *testing.T) {
		t.Parallel()
		items, pagination := dev.list(t, "/v1/sessions")
		same(t, pagination, obj{"page": 1, "pageSize": 25})
		if len(items) > 25 {
			t.Errorf("%d items", len(items))
		}
	})
	t.Run("§2.4 list: a session past its time is expired in the filters", func(t *testing.T) {
		t.Parallel()
		s := expired(t)
		name := text(s.attrs["externalCustomerId"])
		items, pagination := dev.list(t, "/v1/sessions", "externalCustomerId", name, "status", "expired")
		wantIDs(t, items, []string{s.id})
		same(t, pagination, obj{"total": 1})
		same(t, inner(items[0], "attributes"), obj{"status": "expired"})
		items, pagination = dev.list(t, "/v1/sessions", "externalCustomerId", name, "status", "pending")
		wantIDs(t, items, []string{})
		same(t, pagination, obj{"total": 0})
	})
}

// walk follows nextCursor to the end; between is called before each next page.
func walk(t *testing.T, path string, between func(), query ...string) (all []string) {
	t.Helper()
	cursor := ""
	for range 20 {
		q := query
		if cursor != "" {
			q = append(slices.Clone(query), "cursor", cursor)
		}
		items, pagination := dev.list(t, path, q...)
		all = append(all, ids(items)...)
		next, there := pagination["nextCursor"]
		if !there {
			t.Fatal("§1 no nextCursor")
		}
		if next == nil {
			return all
		}
		cursor, _ = next.(string)
		between()
	}
	t.Fatalf("the cursor never ends: %v", all)
	return nil
}

func TestCursor(t *testing.T) {
	t.Parallel()
	set := makeSeven(t)
	for _, size := range []string{"1", "2", "3", "6", "7"} {
		t.Run("§1 cursor: no gap and no repeat, pageSize "+size, func(t *testing.T) {
			t.Parallel()
			got := walk(t, "/v1/sessions", func() {}, "externalCustomerId", set.name, "pageSize", size)
			if diff := cmp.Diff(set.pick(6, 5, 4, 3, 2, 1, 0), got); diff != "" {
				t.Errorf("-want +got:\n%s", diff)
			}
		})
	}
	t.Run("§1 cursor: with a filter", func(t *testing.T) {
		t.Parallel()
		got := walk(t, "/v1/sessions", func() {}, "externalCustomerId", set.name, "status", "pending", "pageSize", "3")
		if diff := cmp.Diff(set.pick(6, 5, 4, 3), got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("§1 cursor: newcomers shift nothing", func(t *testing.T) {
		t.Parallel()
		set := makeSeven(t)
		got := walk(t, "/v1/sessions", func() { dev.session(t, obj{"externalCustomerId": set.name}) }, "externalCustomerId", set.name, "pageSize", "2")
		if diff := cmp.Diff(set.pick(6, 5, 4, 3, 2, 1, 0), got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
}

func TestBadFilters(t *testing.T) {
	t.Parallel()
	common := map[string][]string{
		"page":       {"0", "-1", "x", "1.5", "1e2", "0x1"},
		"pageSize":   {"0", "-1", "101", "x", "2.0"},
		"cursor":     {"nonsense", "!!", "AAAA"},
		"customerId": {"cust-1", "5", unknownUUID[:35]},
		"status":     {"nope", "Pending!", "paid"},
	}
	sessions := maps.Clone(common)
	sessions["type"] = []string{"buy", "swap"}
	sessions["createdAfter"] = []string{"yesterday", "2026-13-01T00:00:00Z", "1700000000"}
	sessions["createdBefore"] = []string{"tomorrow", "2026-02-30T00:00:00Z"}
	var checks []check
	for path, filters := range map[string]map[string][]string{"/v1/sessions": sessions, "/v1/orders": common} {
		for name, values := range filters {
			for _, value := range values {
				checks = append(checks, check{fmt.Sprintf("§2.8 GET %s: 400 on %s=%s", path, name, value), func(t *testing.T) answer {
					return dev.get(t, path+"?"+params([]string{name, value}), dev.SK)
				}, 400, "VALIDATION_ERROR", name})
			}
		}
		checks = append(checks, check{"§1 GET " + path + ": all failing parameters at once", func(t *testing.T) answer {
			return dev.get(t, path+"?page=0&pageSize=1000&status=nope&customerId=x", dev.SK)
		}, 400, "VALIDATION_ERROR", "page pageSize status customerId"})
	}
	checks = append(
		checks,
		check{"§2.8 an order's status is no session's", func(t *testing.T) answer {
			return dev.get(t, "/v1/sessions?status=refunded", dev.SK)
		}, 400, "VALIDATION_ERROR", "status"},
		check{"§3 a session's status is no order's", func(t *testing.T) answer {
			return dev.get(t, "/v1/orders?status=confirmed", dev.SK)
		}, 400, "VALIDATION_ERROR", "status"},
	)
	runChecks(t, checks)
}

// TestOrderList: §3.
func TestOrderList(t *testing.T) {
	t.Parallel()
	name := fresh("orders")
	var orders []string
	var last session
	for range 5 {
		s, id := dev.ordered(t, obj{"externalCustomerId": name})
		orders, last = append(orders, id), s
	}
	slices.Reverse(orders)
	dev.simulated(t, orders[0], "completed")
	dev.simulated(t, orders[1], "failed")
	customer, _ := last.attrs["customerId"].(string)
	for _, c := range []struct {
		name  string
		query []string
		want  []string
		total int
		page  obj
	}{
		{"newest first", nil, orders, 5, obj{"page": 1, "pageSize": 25, "totalPages": 1, "nextCursor": nil}},
		{"page 1 of 3", []string{"pageSize", "2"}, orders[:2], 5, obj{"totalPages": 3}},
		{"page 3 of 3", []string{"pageSize", "2", "page", "3"}, orders[4:], 5, obj{"page": 3, "nextCursor": nil}},
		{"a page past the end", []string{"pageSize", "2", "page", "4"}, nil, 5, obj{"totalPages": 3}},
		{"status completed", []string{"status", "completed"}, orders[:1], 1, nil},
		{"status failed", []string{"status", "failed"}, orders[1:2], 1, nil},
		{"status created", []string{"status", "created"}, orders[2:], 3, nil},
		{"status refunded", []string{"status", "refunded"}, nil, 0, nil},
		{"sessionId", []string{"sessionId", last.id}, orders[:1], 1, nil},
		{"an unknown sessionId", []string{"sessionId", "sess_none"}, nil, 0, nil},
		{"customerId", []string{"customerId", customer}, orders, 5, nil},
		{"another customerId", []string{"customerId", unknownUUID}, nil, 0, nil},
		{"gateway sandbox", []string{"gateway", "sandbox"}, orders, 5, nil},
		{"another gateway", []string{"gateway", "nope"}, nil, 0, nil},
		{"gateway and status and page", []string{"gateway", "sandbox", "status", "created", "pageSize", "2"}, orders[2:4], 3, obj{"totalPages": 2}},
	} {
		t.Run("§3 order list: "+c.name, func(t *testing.T) {
			t.Parallel()
			items, pagination := dev.list(t, "/v1/orders", append(c.query, "externalCustomerId", name)...)
			wantIDs(t, items, append([]string{}, c.want...))
			same(t, pagination, merge(obj{"total": c.total}, c.page))
		})
	}
	t.Run("§3 order list: cursor without gap or repeat", func(t *testing.T) {
		t.Parallel()
		got := walk(t, "/v1/orders", func() {}, "externalCustomerId", name, "pageSize", "2")
		if diff := cmp.Diff(orders, got); diff != "" {
			t.Errorf("-want +got:\n%s", diff)
		}
	})
	t.Run("§3 order list: items are the resources that GET gives", func(t *testing.T) {
		t.Parallel()
		items, _ := dev.list(t, "/v1/orders", "sessionId", last.id)
		want := dev.get(t, "/v1/orders/"+orders[0], dev.SK).body
		wantIDs(t, items, orders[:1])
		same(t, items[0], want)
	})
}
