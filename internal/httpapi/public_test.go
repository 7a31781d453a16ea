package httpapi_test

import (
	"encoding/json"
	"slices"
	"strings"
	"testing"
	"time"
)

// replayPublic takes the examples of the routes without a key through a server.
func replayPublic(t *testing.T, r *replay) {
	t.Helper()
	project := "?projectId=" + string(r.project)
	var shortened, whole any
	if err := json.Unmarshal([]byte(r.example(t, "Supported")), &shortened); err != nil {
		t.Fatal(err)
	}
	supported := r.get(t, "/public/v1/onramp/supported"+project, "").want(t, 200)
	if err := json.Unmarshal(supported.raw, &whole); err != nil || !holds(whole, shortened) {
		t.Errorf("Supported: the answer lacks what the example has (%v)\n%.2000s", err, supported.raw)
	}
	quotes := "/public/v1/onramp/quotes" + project + "&fiatCurrency=USD&cryptoCurrency=ETH&fiatAmount="
	r.same(t, "Quotes", r.get(t, quotes+"100.00", "").want(t, 200))
	r.same(t, "QuotesNone", r.get(t, quotes+"50001", "").want(t, 200))

	created := r.post(t, "/v1/sessions", r.sk, `{"externalCustomerId": "user-1", "destinationAddress": "`+wallet+`"}`).want(t, 201)
	body := strings.Replace(orderBody(created.attr("clientSecret"), someone), `"100"`, `"100.00"`, 1)
	order := r.post(t, "/v1/sessions/"+created.attr("sessionId")+"/order", r.pk, body).want(t, 201).attr("orderId")
	r.knows(created, order)
	r.pass(5 * time.Minute)
	r.post(t, "/v1/test_helpers/orders/"+order+"/simulate", r.sk, `{"status": "completed"}`).want(t, 200)
	r.same(t, "Transaction", r.get(t, "/public/v1/onramp/transactions/"+order+project, "").want(t, 200))
	r.same(t, "ErrorTransactionNotFound", r.get(t, "/public/v1/onramp/transactions/ord_none"+project, "").want(t, 404))
}

// holds tells whether the answer has everything that the shortened example has: lists may have further elements.
func holds(answer, example any) bool {
	switch example := example.(type) {
	case map[string]any:
		members, ok := answer.(map[string]any)
		if !ok || len(members) != len(example) {
			return false
		}
		for name, member := range example {
			if value, there := members[name]; !there || !holds(value, member) {
				return false
			}
		}
		return true
	case []any:
		elements, ok := answer.([]any)
		return ok && !slices.ContainsFunc(example, func(one any) bool {
			return !slices.ContainsFunc(elements, func(element any) bool { return holds(element, one) })
		})
	}
	return answer == example
}

// TestPublicErrorsAreNotKept: an answer of a keyless route may only be kept where it says so, whatever else goes wrong.
func TestPublicErrorsAreNotKept(t *testing.T) {
	t.Parallel()
	w := newWorld(t)
	for _, target := range []string{
		"/public/v1/onramp/supported", "/public/v1/onramp/quotes?projectId=" + string(w.project), "/public/v1/onramp/transactions/x?projectId=" + string(w.project),
	} {
		a := w.get(t, target, "")
		if a.status < 400 || a.header.Get("Cache-Control") != "no-store" || a.header.Get("Etag") != "" {
			t.Errorf("%s: %d %v", target, a.status, a.header)
		}
	}
}
