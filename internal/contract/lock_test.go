package contract_test

import (
	"encoding/json"
	"testing"
)

var (
	locked = obj{"locked": true}
	free   = obj{"locked": false}
)

// full is every lockable member with a value.
func full(over obj) obj {
	return merge(obj{
		"sourceAmount": "100.00", "sourceCurrency": "USD", "destinationCurrency": "ETH",
		"network": "ethereum", "destinationAddress": wallet,
	}, over)
}

func allLocks(lock obj) obj {
	return obj{"sourceAmount": lock, "sourceCurrency": lock, "destinationCurrency": lock, "network": lock, "destinationAddress": lock}
}

// locks is a body's fieldLocks.
func locks(over obj) obj { return obj{"fieldLocks": over} }

func ranged(low, high any) obj { return obj{"locked": true, "min": low, "max": high} }

var lockCases = []creation{
	{"§2.2 a member given at creation is locked by itself: all", full(nil), obj{"fieldLocks": allLocks(locked)}, ""},
	{"§2.2 a member given at creation is locked by itself: one", obj{"network": "ethereum"}, obj{"fieldLocks": obj{"network": locked}}, ""},
	{"§2.2 echoed: {} if none", nil, obj{"fieldLocks": obj{}}, ""},
	{"§2.2 echoed: {} where fieldLocks is {}", locks(obj{}), obj{"fieldLocks": obj{}}, ""},
	{"§2.2 fieldLocks null is an omitted one", obj{"network": "ethereum", "fieldLocks": nil}, obj{"fieldLocks": obj{"network": locked}}, ""},
	{
		"§2.2 fieldLocks overrides member by member",
		full(locks(obj{"sourceAmount": ranged("50", "500")})),
		obj{"fieldLocks": merge(allLocks(locked), obj{"sourceAmount": ranged("50", "500")})},
		"",
	},
	{"§2.2 locked: true, value given, no range", obj{"network": "ethereum", "fieldLocks": obj{"network": locked}}, obj{"fieldLocks": obj{"network": locked}}, ""},
	{"§2.2 a range without a value", locks(obj{"sourceAmount": ranged("50", "500")}), obj{"sourceAmount": nil, "fieldLocks": obj{"sourceAmount": ranged("50", "500")}}, ""},
	{"§2.2 a range with a default in it", obj{"sourceAmount": "60", "fieldLocks": obj{"sourceAmount": ranged("50", "500")}}, obj{"sourceAmount": "60"}, ""},
	{"§2.2 a range: inclusive at min", obj{"sourceAmount": "50.00", "fieldLocks": obj{"sourceAmount": ranged("50", "500")}}, nil, ""},
	{"§2.2 a range: inclusive at max", obj{"sourceAmount": "500.00", "fieldLocks": obj{"sourceAmount": ranged("50", "500")}}, nil, ""},
	{"§2.2 a range: the value must lie in it: below", obj{"sourceAmount": "49.99", "fieldLocks": obj{"sourceAmount": ranged("50", "500")}}, nil, "sourceAmount|fieldLocks"},
	{"§2.2 a range: the value must lie in it: above", obj{"sourceAmount": "500.01", "fieldLocks": obj{"sourceAmount": ranged("50", "500")}}, nil, "sourceAmount|fieldLocks"},
	{"§2.2 a range: min only", locks(obj{"sourceAmount": obj{"locked": true, "min": "50"}}), nil, ""},
	{"§2.2 a range: max only", locks(obj{"sourceAmount": obj{"locked": true, "max": "50"}}), nil, ""},
	{"§2.2 a range: min = max", locks(obj{"sourceAmount": ranged("50", "50.00")}), nil, ""},
	{"§2.2 a range: numbers", locks(obj{"sourceAmount": ranged(50, json.Number("90071992547409.93"))}), obj{"fieldLocks": obj{"sourceAmount": ranged("50", "90071992547409.93")}}, ""},
	{"§2.2 a range: compared by value, not as text", locks(obj{"sourceAmount": ranged("9", "10")}), nil, ""},
	{"§2.2 min > max", locks(obj{"sourceAmount": ranged("500", "50")}), nil, "fieldLocks"},
	{"§2.2 min is an amount: 0", locks(obj{"sourceAmount": ranged("0", "50")}), nil, "fieldLocks"},
	{"§2.2 min is an amount: -1", locks(obj{"sourceAmount": ranged("-1", "50")}), nil, "fieldLocks"},
	{"§2.2 min is an amount: text", locks(obj{"sourceAmount": ranged("little", "50")}), nil, "fieldLocks"},
	{"§2.2 max is an amount: exponent", locks(obj{"sourceAmount": ranged("5", "1e3")}), nil, "fieldLocks"},
	{"§2.2 max is an amount: a boolean", locks(obj{"sourceAmount": ranged("5", true)}), nil, "fieldLocks"},
	{"§2.2 unknown lock name", locks(obj{"redirectUrl": locked}), nil, "fieldLocks"},
	{"§2.2 unknown lock name in other letter case", obj{"network": "ethereum", "fieldLocks": obj{"Network": locked}}, nil, "fieldLocks"},
	{"§2.2 fieldLocks not an object: a list", obj{"fieldLocks": []any{"network"}}, nil, "fieldLocks"},
	{"§2.2 fieldLocks not an object: a boolean", obj{"fieldLocks": true}, nil, "fieldLocks"},
	{"§2.2 a lock is an object: a boolean", obj{"network": "ethereum", "fieldLocks": obj{"network": true}}, nil, "fieldLocks"},
	{"§2.2 locked is a boolean: a string", obj{"network": "ethereum", "fieldLocks": obj{"network": obj{"locked": "yes"}}}, nil, "fieldLocks"},
	{"§2.2 locked is a boolean: 1", obj{"network": "ethereum", "fieldLocks": obj{"network": obj{"locked": 1}}}, nil, "fieldLocks"},
}

func TestLocks(t *testing.T) {
	t.Parallel()
	runCreations(t, dev, lockCases)
	var cases []creation
	for member, value := range full(nil) {
		cases = append(cases,
			creation{"§2.2 locked: true, no value, no range: " + member, locks(obj{member: locked}), nil, "fieldLocks|" + member},
			creation{"§2.2 locked: false without a value: " + member, locks(obj{member: free}), nil, ""},
			creation{"§2.2 locked: true with the value: " + member, obj{member: value, "fieldLocks": obj{member: locked}}, obj{"fieldLocks": obj{member: locked}}, ""},
		)
		if member != "sourceAmount" {
			cases = append(cases, creation{
				"§2.2 min or max elsewhere: " + member,
				obj{member: value, "fieldLocks": obj{member: obj{"locked": true, "min": "1"}}},
				nil, "fieldLocks",
			})
		}
	}
	runCreations(t, dev, cases)
	t.Run("§2.2 an open lock is no effective lock", func(t *testing.T) {
		t.Parallel()
		attrs := dev.session(t, full(locks(allLocks(free)))).attrs
		for member, lock := range inner(attrs, "fieldLocks") {
			if lock, _ := lock.(obj); lock["locked"] != false {
				t.Errorf("%s reads %v", member, lock)
			}
		}
	})
}

// TestLockContradiction: §2.2 whoever contradicts a lock gets a 400 with the
// request's member name, nothing is silently overwritten.
func TestLockContradiction(t *testing.T) {
	t.Parallel()
	s := dev.session(t, full(nil))
	checks := []check{
		{"§2.2 all contradictions of an order at once", func(t *testing.T) answer {
			return s.order(t, obj{"fiatAmount": "99", "fiatCurrency": "EUR", "cryptoCurrency": "USDC", "network": "polygon", "walletAddress": otherWallet})
		}, 400, "VALIDATION_ERROR", "fiatAmount fiatCurrency cryptoCurrency network walletAddress"},
		{"§2.2 all contradictions of a confirm at once", func(t *testing.T) answer {
			return s.confirm(t, obj{"network": "polygon", "destinationAddress": otherWallet})
		}, 400, "VALIDATION_ERROR", "network destinationAddress"},
	}
	for member, value := range (obj{"network": "polygon", "destinationAddress": otherWallet}) {
		checks = append(checks, check{"§2.2 confirm contradicts a lock: " + member, func(t *testing.T) answer {
			return s.confirm(t, obj{member: value})
		}, 400, "VALIDATION_ERROR", member})
	}
	for member, value := range (obj{"fiatAmount": "100.01", "fiatCurrency": "EUR", "cryptoCurrency": "USDC", "network": "polygon", "walletAddress": otherWallet}) {
		checks = append(checks, check{"§2.2 order contradicts a lock: " + member, func(t *testing.T) answer {
			return s.order(t, obj{member: value})
		}, 400, "VALIDATION_ERROR", member})
	}
	limits := dev.session(t, locks(obj{"sourceAmount": ranged("50", "500")}))
	for _, amount := range []string{"49.99", "500.01", "5"} {
		checks = append(checks, check{"§2.2 order outside the range: " + amount, func(t *testing.T) answer {
			return limits.order(t, obj{"fiatAmount": amount})
		}, 400, "VALIDATION_ERROR", "fiatAmount"})
	}
	runChecks(t, checks)
	t.Run("§2.2 nothing is silently overwritten", func(t *testing.T) {
		t.Parallel()
		s := dev.session(t, full(nil))
		before := s.read(t)
		s.confirm(t, obj{"network": "polygon"}).invalid(t, "network")
		s.order(t, obj{"fiatAmount": "1"}).invalid(t, "fiatAmount")
		same(t, s.read(t), before)
	})
}

// TestLockAgreement: §2.2 Comparison.
func TestLockAgreement(t *testing.T) {
	t.Parallel()
	for _, c := range []struct {
		name        string
		over, order obj
	}{
		{"the same values", full(nil), obj{"fiatAmount": "100.00"}},
		{"amounts by value: 100", full(nil), obj{"fiatAmount": "100"}},
		{"amounts by value: 100.0 as a number", full(nil), obj{"fiatAmount": json.Number("100.0")}},
		{"currency without letter case: fiat", full(nil), obj{"fiatCurrency": "usd"}},
		{"currency without letter case: crypto", full(nil), obj{"cryptoCurrency": "eth"}},
		{"network without letter case", full(nil), obj{"network": "ETHEREUM"}},
		{"0x addresses without letter case: order in lower", full(nil), obj{"walletAddress": "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"}},
		{"0x addresses without letter case: session in lower", full(obj{"destinationAddress": "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"}), nil},
		{"walletAddress and fiatCurrency omitted", full(nil), obj{"walletAddress": drop, "fiatCurrency": drop}},
		{"in the range: min", locks(obj{"sourceAmount": ranged("50", "500")}), obj{"fiatAmount": "50.00"}},
		{"in the range: max", locks(obj{"sourceAmount": ranged("50", "500")}), obj{"fiatAmount": "500"}},
		{"in the range: by value", locks(obj{"sourceAmount": ranged("9", "500")}), obj{"fiatAmount": "10"}},
		{"in the range: not the default", obj{"sourceAmount": "60", "fieldLocks": obj{"sourceAmount": ranged("50", "500")}}, nil},
		{"locked: false is free: sourceAmount", full(locks(obj{"sourceAmount": free})), obj{"fiatAmount": "7"}},
		{"locked: false is free: sourceCurrency", full(locks(obj{"sourceCurrency": free})), obj{"fiatCurrency": "EUR"}},
		{"locked: false is free: destinationAddress", full(locks(obj{"destinationAddress": free})), obj{"walletAddress": otherWallet}},
		{"locked: false is free: all", full(locks(allLocks(free))), obj{"fiatAmount": "8", "fiatCurrency": "EUR", "cryptoCurrency": "BTC", "network": "bitcoin", "walletAddress": "bc1qar0srrr7xfkvy5l643lydnw9re59gtzzwf5mdq"}},
	} {
		t.Run("§2.2 order agrees: "+c.name, func(t *testing.T) {
			t.Parallel()
			dev.session(t, c.over).order(t, c.order).ok(t, 201)
		})
	}
	plain := obj{"network": "made-up", "destinationAddress": "AbC123"}
	for _, c := range []struct {
		name          string
		over, confirm obj
		fields        string
	}{
		{"the same address", plain, obj{"destinationAddress": "AbC123", "network": "made-up"}, ""},
		{"network without letter case", plain, obj{"network": "Made-Up"}, ""},
		{"addresses without 0x exactly", plain, obj{"destinationAddress": "abc123"}, "destinationAddress"},
		{"0x addresses without letter case", full(nil), obj{"destinationAddress": "0x5aaeb6053f3e94c9b9a09f33669435e7ef1beaed"}, ""},
	} {
		t.Run("§2.2 confirm compares: "+c.name, func(t *testing.T) {
			t.Parallel()
			s := dev.session(t, c.over)
			a := s.confirm(t, c.confirm)
			if c.fields != "" {
				a.invalid(t, c.fields)
				return
			}
			same(t, a.ok(t, 200), obj{"status": "confirmed", "destinationAddress": s.attrs["destinationAddress"]})
		})
	}
}
