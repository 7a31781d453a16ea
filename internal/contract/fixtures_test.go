package contract_test

import (
	"net/url"
	"sync"
	"testing"
	"time"
)

// Addresses in the form of their networks, checksums verified by hand.
const (
	wallet      = "0x5aAeb6053F3E94C9b9A09f33669435E7Ef1BeAed" // EIP-55's own vectors
	otherWallet = "0xfB6916095ca1df60bB79Ce92cE3Ea74c37c5d359"
)

// session is one created session and the project it belongs to.
type session struct {
	project
	id, secret string
	attrs      obj // of the creation's answer
}

// create posts a session with a customer of its own.
func (p project) create(t *testing.T, over obj, header ...string) answer {
	t.Helper()
	return p.post(t, "/v1/sessions", p.SK, merge(obj{"externalCustomerId": fresh("cust")}, over), header...)
}

func asSession(t *testing.T, p project, a answer) session {
	t.Helper()
	s := session{project: p, attrs: a.ok(t, 201)}
	s.id, _ = a.body["id"].(string)
	s.secret, _ = s.attrs["clientSecret"].(string)
	if s.id == "" || s.secret == "" {
		t.Fatalf("%s: no id or no clientSecret\n%s", a.what, a.raw)
	}
	return s
}

func (p project) session(t *testing.T, over obj) session {
	t.Helper()
	return asSession(t, p, p.create(t, over))
}

func (s session) path(action string) string {
	path := "/v1/sessions/" + url.PathEscape(s.id)
	if action != "" {
		path += "/" + action
	}
	return path
}

func (s session) read(t *testing.T) obj {
	t.Helper()
	return s.get(t, s.path(""), s.SK).ok(t, 200)
}

func (s session) confirm(t *testing.T, over obj, header ...string) answer {
	t.Helper()
	return s.post(t, s.path("confirm"), s.PK, merge(obj{"clientSecret": s.secret}, over), header...)
}

func (s session) cancel(t *testing.T) answer {
	t.Helper()
	return s.post(t, s.path("cancel"), s.SK, nil)
}

// orderBody is a whole order that the sandbox serves.
func (s session) orderBody(over obj) obj {
	return merge(obj{
		"clientSecret": s.secret, "fiatAmount": "100", "fiatCurrency": "USD",
		"cryptoCurrency": "ETH", "network": "ethereum", "walletAddress": wallet,
	}, over)
}

func (s session) order(t *testing.T, over obj, header ...string) answer {
	t.Helper()
	return s.post(t, s.path("order"), s.PK, s.orderBody(over), header...)
}

// ordered makes a session and its order and gives the order's id.
func (p project) ordered(t *testing.T, over obj) (session, string) {
	t.Helper()
	s := p.session(t, over)
	return s, text(s.order(t, nil).ok(t, 201)["orderId"])
}

func (p project) simulate(t *testing.T, order string, status any) answer {
	t.Helper()
	return p.post(t, "/v1/test_helpers/orders/"+order+"/simulate", p.SK, obj{"status": status})
}

// simulated takes an order through the statuses and returns its attributes.
func (p project) simulated(t *testing.T, order string, statuses ...string) (attrs obj) {
	t.Helper()
	for _, status := range statuses {
		attrs = p.simulate(t, order, status).ok(t, 200)
	}
	return attrs
}

func (p project) readOrder(t *testing.T, order string) obj {
	t.Helper()
	return p.get(t, "/v1/orders/"+order, p.SK).ok(t, 200)
}

// await polls until the session has the status, for at most six seconds.
func (s session) await(t *testing.T, status string) obj {
	t.Helper()
	tick := time.NewTicker(50 * time.Millisecond)
	defer tick.Stop()
	for deadline := time.Now().Add(6 * time.Second); ; <-tick.C {
		attrs := s.read(t)
		if attrs["status"] == status {
			return attrs
		}
		if time.Now().After(deadline) {
			t.Fatalf("session is still %v, want %s", attrs["status"], status)
		}
	}
}

// expired is one session, with a locked sourceAmount, that ran out of time.
// Nothing can change it any more, so the cases share it.
var expired func(*testing.T) session

func expireOne() func(*testing.T) session {
	var once sync.Once
	var one session
	return func(t *testing.T) session {
		t.Helper()
		once.Do(func() {
			one = dev.session(t, obj{"expiresInSeconds": 1, "sourceAmount": "100"})
		})
		one.await(t, "expired")
		return one
	}
}

// cancelled is a session of its own, cancelled through the API.
func cancelled(t *testing.T) session {
	t.Helper()
	s := dev.session(t, nil)
	s.cancel(t).ok(t, 200)
	return s
}

// list fetches a list route and returns its items and its pagination.
func (p project) list(t *testing.T, path string, query ...string) (items []obj, pagination obj) {
	t.Helper()
	a := p.get(t, path+"?"+params(query), p.SK)
	a.ok(t, 200)
	data, isList := a.body["data"].([]any)
	pagination, isObject := a.body["pagination"].(obj)
	if !isList || !isObject {
		t.Fatalf("%s: §1 lists are data and pagination\n%s", a.what, a.raw)
	}
	for _, d := range data {
		item, _ := d.(obj)
		items = append(items, item)
	}
	return items, pagination
}

// text is a string attribute, "" if it is none.
func text(v any) string {
	s, _ := v.(string)
	return s
}

// inner is an object inside an object, nil if it is none.
func inner(o obj, name string) obj {
	in, _ := o[name].(obj)
	return in
}

func params(pairs []string) string {
	q := url.Values{}
	for i := 0; i+1 < len(pairs); i += 2 {
		q.Set(pairs[i], pairs[i+1])
	}
	return q.Encode()
}

func ids(items []obj) []string {
	list := []string{}
	for _, item := range items {
		id, _ := item["id"].(string)
		list = append(list, id)
	}
	return list
}
