package contract_test

import "testing"

// TestCustomers: §2.1 the customer is created on first sight and found again.
func TestCustomers(t *testing.T) {
	t.Parallel()
	name := fresh("cust")
	first := dev.session(t, obj{"externalCustomerId": name})
	second := dev.session(t, nil)
	id := first.attrs["customerId"]
	t.Run("§2.1 customer: found again by externalCustomerId", func(t *testing.T) {
		t.Parallel()
		same(t, dev.session(t, obj{"externalCustomerId": name}).attrs, obj{"customerId": id, "externalCustomerId": name})
	})
	t.Run("§2.1 customer: by customerId alone", func(t *testing.T) {
		t.Parallel()
		same(t, dev.session(t, obj{"externalCustomerId": drop, "customerId": id}).attrs, obj{"customerId": id, "externalCustomerId": name})
	})
	t.Run("§2.1 customer: both ids of the same customer", func(t *testing.T) {
		t.Parallel()
		same(t, dev.session(t, obj{"externalCustomerId": name, "customerId": id}).attrs, obj{"customerId": id, "externalCustomerId": name})
	})
	t.Run("§2.1 customer: externalCustomerId is exact, letter case too", func(t *testing.T) {
		t.Parallel()
		a := dev.session(t, obj{"externalCustomerId": name + "A"}).attrs["customerId"]
		b := dev.session(t, obj{"externalCustomerId": name + "a"}).attrs["customerId"]
		if a == b || a == id {
			t.Errorf("customers %v, %v and %v", id, a, b)
		}
	})
	t.Run("§2.1 customer: the same name in another project is another one", func(t *testing.T) {
		t.Parallel()
		if got := other.session(t, obj{"externalCustomerId": name}).attrs["customerId"]; got == id {
			t.Errorf("both are %v", got)
		}
	})
	t.Run("§2.1 customer: a rejected creation makes no customer's session", func(t *testing.T) {
		t.Parallel()
		name := fresh("cust")
		dev.create(t, obj{"externalCustomerId": name, "country": "XX"}).invalid(t, "country")
		if items, _ := dev.list(t, "/v1/sessions", "externalCustomerId", name); len(items) != 0 {
			t.Errorf("sessions: %v", ids(items))
		}
	})
	runChecks(t, []check{
		{"§2.1 customer: both ids of different customers: 400", func(t *testing.T) answer {
			return dev.create(t, obj{"externalCustomerId": name, "customerId": second.attrs["customerId"]})
		}, 400, "VALIDATION_ERROR", "customerId|externalCustomerId"},
		{"§2.1 customer: a customerId with another, new external id: 400", func(t *testing.T) answer {
			return dev.create(t, obj{"customerId": id})
		}, 400, "VALIDATION_ERROR", "customerId|externalCustomerId"},
		{"§2.1 customer: another project's customerId is unknown: 400", func(t *testing.T) answer {
			return other.create(t, obj{"externalCustomerId": drop, "customerId": id})
		}, 400, "VALIDATION_ERROR", "customerId"},
	})
}

// TestCountryByAddress: §2.1 country and §1 Client address. The shared server
// trusts loopback as a proxy, so X-Forwarded-For is the client's address.
func TestCountryByAddress(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name, forwarded string
		over            obj
		want            any
	}{
		{"§2.1 country: looked up from the client's IP address", "8.8.8.8", nil, "US"},
		{"§2.1 country: an IPv6 address", "2001:4860:4860::8888", nil, "US"},
		{"§2.1 country: a given one wins", "8.8.8.8", obj{"country": "de"}, "DE"},
		{"§2.1 country: a null one is an omitted one", "8.8.8.8", obj{"country": nil}, "US"},
		{"§1 client address: the rightmost untrusted entry", "10.1.2.3, 8.8.8.8", nil, "US"},
		{"§1 client address: entries left of it are not believed", "8.8.8.8, 10.1.2.3", nil, nil},
		{"§1 client address: trusted entries are passed over", "8.8.8.8, 127.0.0.9", nil, "US"},
		{"§1 client address: a malformed entry", "nonsense", nil, nil},
		{"§2.1 country: private address: null", "192.168.7.7", nil, nil},
		{"§2.1 country: unknown address: null", "240.0.0.1", nil, nil},
	} {
		t.Run(c.name, func(t *testing.T) {
			t.Parallel()
			s := asSession(t, dev, dev.create(t, c.over, "X-Forwarded-For", c.forwarded))
			same(t, s.attrs, obj{"country": c.want})
		})
	}
	t.Run("§2.1 country: a given one stays through the payer's calls", func(t *testing.T) {
		t.Parallel()
		s := dev.session(t, obj{"country": "DE"})
		same(t, s.confirm(t, nil, "X-Forwarded-For", "8.8.8.8").ok(t, 200), obj{"country": "DE"})
	})
	t.Run("§1 client address: X-Forwarded-For of an untrusted peer is ignored", func(t *testing.T) {
		t.Parallel()
		srv := launch(t)
		s := asSession(t, srv.project, srv.create(t, nil, "X-Forwarded-For", "8.8.8.8"))
		same(t, s.attrs, obj{"country": nil})
	})
}
