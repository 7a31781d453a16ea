package contract_test

import (
	"io"
	"net/http"
	"slices"
	"strings"
	"testing"
	"time"
)

const (
	supportedRoute = "/public/v1/onramp/supported"
	quotesRoute    = "/public/v1/onramp/quotes"
)

// public asks a keyless route of the project. Pairs replace or, with an empty value, remove parameters of the whole
// question that every route takes.
func (p project) public(t *testing.T, route string, pairs ...string) answer {
	t.Helper()
	all := []string{"projectId", p.ID}
	if route == quotesRoute {
		all = append(all, "fiatAmount", "100.00", "fiatCurrency", "USD", "cryptoCurrency", "ETH", "network", "ethereum")
	}
	return p.get(t, route+"?"+params(replaced(all, pairs)), "")
}

func replaced(all, pairs []string) []string {
	for i := 0; i+1 < len(pairs); i += 2 {
		for j := 0; j+1 < len(all); j += 2 {
			if all[j] == pairs[i] {
				all = slices.Delete(all, j, j+2)
				break
			}
		}
		if pairs[i+1] != "" {
			all = append(all, pairs[i], pairs[i+1])
		}
	}
	return all
}

func transactionRoute(order string) string { return "/public/v1/onramp/transactions/" + order }

// data demands 200 in the envelope of §6 and returns what is in it.
func (a answer) data(t *testing.T) obj {
	t.Helper()
	a.ok(t, 200)
	data, isObject := a.body["data"].(obj)
	if a.body["success"] != true || !isObject || len(a.body) != 2 {
		t.Fatalf("%s: §6 the envelope is success and data\n%s", a.what, a.raw)
	}
	return data
}

// rows is a member that is an array of objects, present even when it is empty.
func rows(t *testing.T, o obj, name string) []obj {
	t.Helper()
	list, isList := o[name].([]any)
	if !isList {
		t.Fatalf("%s is %v, want an array", name, o[name])
	}
	found := []obj{}
	for _, v := range list {
		row, isObject := v.(obj)
		if !isObject {
			t.Fatalf("%s holds %v, want objects", name, v)
		}
		found = append(found, row)
	}
	return found
}

// with is the row whose member has the value.
func with(t *testing.T, list []obj, name, value string) obj {
	t.Helper()
	i := slices.IndexFunc(list, func(o obj) bool { return o[name] == value })
	if i < 0 {
		t.Fatalf("none of %d rows has %s %s", len(list), name, value)
	}
	return list[i]
}

// TestSupported: §6 what there is to choose from.
func TestSupported(t *testing.T) {
	t.Parallel()
	t.Run("§6 gateways, and the default one", func(t *testing.T) {
		t.Parallel()
		data := dev.public(t, supportedRoute).data(t)
		gateways := rows(t, data, "gateways")
		if len(gateways) != 1 || data["defaultGateway"] != "sandbox" {
			t.Errorf("gateways %v, default %v", gateways, data["defaultGateway"])
		}
		same(t, with(t, gateways, "id", "sandbox"), obj{"name": "Sandbox", "logo": nil, "enabled": true, "features": obj{
			"supportsIframe": false, "supportsWidget": false, "supportsBuy": true, "supportsSell": true,
			"supportsRecurring": false, "kycHandledByProvider": true,
		}})
	})
	t.Run("§6 fiats, with limits as decimal strings", func(t *testing.T) {
		t.Parallel()
		fiats := rows(t, dev.public(t, supportedRoute).data(t), "fiats")
		methods := []string{"debit-credit-card", "bank-transfer"}
		same(t, with(t, fiats, "code", "USD"), obj{"name": "US Dollar", "symbol": "$", "minAmount": "1", "maxAmount": "50000", "paymentMethods": methods})
		same(t, with(t, fiats, "code", "EUR"), obj{"symbol": "€", "minAmount": "1", "maxAmount": "50000"})
		same(t, with(t, fiats, "code", "CHF"), obj{"symbol": "CHF"})
	})
	t.Run("§6 cryptos, with networks of which one is the default", func(t *testing.T) {
		t.Parallel()
		cryptos := rows(t, dev.public(t, supportedRoute).data(t), "cryptos")
		for _, c := range cryptos {
			defaults := 0
			for _, n := range rows(t, c, "networks") {
				if n["isDefault"] == true {
					defaults++
				}
			}
			if defaults != 1 {
				t.Errorf("%v has %d default networks", c["code"], defaults)
			}
		}
		eth := with(t, cryptos, "code", "ETH")
		same(t, eth, obj{"name": "Ether"})
		same(t, with(t, rows(t, eth, "networks"), "id", "ethereum"), obj{"name": "Ethereum", "isDefault": true})
		same(t, with(t, rows(t, with(t, cryptos, "code", "BTC"), "networks"), "id", "bitcoin"), obj{"minAmount": "0.00000001", "maxAmount": "1.584"})
	})
	t.Run("§6 payment methods, with their fiats", func(t *testing.T) {
		t.Parallel()
		methods := rows(t, dev.public(t, supportedRoute).data(t), "paymentMethods")
		card := with(t, methods, "id", "debit-credit-card")
		if fiats, _ := card["supportedFiats"].([]any); text(card["name"]) == "" || !slices.Contains(fiats, any("USD")) {
			t.Errorf("%v", card)
		}
	})
	t.Run("§6 for sale, other crypto limits", func(t *testing.T) {
		t.Parallel()
		data := dev.public(t, supportedRoute, "orderType", "sell", "country", "de").data(t)
		same(t, with(t, rows(t, data, "gateways"), "id", "sandbox"), obj{"enabled": true})
		btc := with(t, rows(t, data, "cryptos"), "code", "BTC")
		same(t, with(t, rows(t, btc, "networks"), "id", "bitcoin"), obj{"maxAmount": "1.616"})
	})
	t.Run("§6 a live project without a gateway has nothing to choose from", func(t *testing.T) {
		t.Parallel()
		data := live.public(t, supportedRoute).data(t)
		for _, name := range []string{"gateways", "fiats", "cryptos", "paymentMethods"} {
			if list := rows(t, data, name); len(list) != 0 {
				t.Errorf("%s: %v", name, list)
			}
		}
		same(t, data, obj{"defaultGateway": nil})
	})
	t.Run("§6 a UUID in capitals names the same project", func(t *testing.T) {
		t.Parallel()
		dev.public(t, supportedRoute, "projectId", strings.ToUpper(dev.ID)).data(t)
	})
}

// TestPublicChecks: §6 what is wrong with a question, all of it at once.
func TestPublicChecks(t *testing.T) {
	t.Parallel()
	ask := func(route string, pairs ...string) func(*testing.T) answer {
		return func(t *testing.T) answer { return dev.public(t, route, pairs...) }
	}
	checks := []check{
		{"§6 supported: all failing parameters at once", ask(supportedRoute, "projectId", "", "orderType", "onramp", "country", "XX"), 400, "VALIDATION_ERROR", "projectId orderType country"},
		{"§6 supported: orderType in other letter case", ask(supportedRoute, "orderType", "Buy"), 400, "VALIDATION_ERROR", "orderType"},
		{"§6 supported: an empty parameter", func(t *testing.T) answer {
			return dev.get(t, supportedRoute+"?projectId="+dev.ID+"&country=&orderType=", "")
		}, 400, "VALIDATION_ERROR", "country orderType"},
		{"§6 quotes: nothing given", ask(quotesRoute, "projectId", "", "fiatAmount", "", "fiatCurrency", "", "cryptoCurrency", "", "network", ""), 400, "VALIDATION_ERROR", "projectId fiatAmount fiatCurrency cryptoCurrency"},
		{
			"§6 quotes: everything wrong",
			ask(quotesRoute, "projectId", "no", "fiatAmount", "1e2", "fiatCurrency", "XXX", "cryptoCurrency", "ET H", "network", "a_b", "orderType", "swap", "country", "ZZ", "paymentMethod", "A card"),
			400, "VALIDATION_ERROR", "projectId fiatAmount fiatCurrency cryptoCurrency network orderType country paymentMethod",
		},
		{"§6 quotes: more decimal places than minor units", ask(quotesRoute, "fiatCurrency", "JPY"), 400, "VALIDATION_ERROR", "fiatAmount"},
		{"§6 quotes: an amount of nothing", ask(quotesRoute, "fiatAmount", "0.00"), 400, "VALIDATION_ERROR", "fiatAmount"},
		{"§6 quotes: a crypto currency without a default network needs one", ask(quotesRoute, "cryptoCurrency", "NOPE", "network", ""), 400, "VALIDATION_ERROR", "network"},
		{"§6 400 before 404 project", ask(quotesRoute, "projectId", unknownUUID, "fiatAmount", "-1"), 400, "VALIDATION_ERROR", "fiatAmount"},
		{"§6 transaction: without projectId", ask(transactionRoute("ord_none"), "projectId", ""), 400, "VALIDATION_ERROR", "projectId"},
		{"§6 transaction: unknown", ask(transactionRoute("ord_none")), 404, "TRANSACTION_NOT_FOUND", ""},
		{"§6 transaction: an id that no order can have", ask(transactionRoute("ord_%00")), 404, "TRANSACTION_NOT_FOUND", ""},
		{"§6 transaction: in an unknown project", ask(transactionRoute("ord_none"), "projectId", unknownUUID), 404, "TRANSACTION_NOT_FOUND", ""},
		{"§6 no such route", ask("/public/v1/onramp/transactions"), 404, "NOT_FOUND", ""},
		{"§6 broken encoding", func(t *testing.T) answer {
			return dev.get(t, supportedRoute+"?projectId="+dev.ID+"&country=%zz", "")
		}, 400, "VALIDATION_ERROR", "query"},
	}
	for _, route := range []string{supportedRoute, quotesRoute} {
		checks = append(
			checks,
			check{"§6 projectId is required: " + route, ask(route, "projectId", ""), 400, "VALIDATION_ERROR", "projectId"},
			check{"§6 projectId is a UUID: " + route, ask(route, "projectId", "proj_1"), 400, "VALIDATION_ERROR", "projectId"},
			check{"§6 an unknown project: " + route, ask(route, "projectId", unknownUUID), 404, "NOT_FOUND", ""},
			check{"§6 wrong method: " + route, func(t *testing.T) answer { return dev.post(t, route, dev.SK, obj{}) }, 405, "METHOD_NOT_ALLOWED", ""},
		)
	}
	runChecks(t, checks)
}

// TestQuotes: §6 the gateways' prices.
func TestQuotes(t *testing.T) {
	t.Parallel()
	one := func(t *testing.T, pairs ...string) obj {
		t.Helper()
		data := dev.public(t, quotesRoute, pairs...).data(t)
		quotes := rows(t, data, "quotes")
		if len(quotes) != 1 || len(rows(t, data, "errors")) != 0 {
			t.Fatalf("want one quote and no error: %v", data)
		}
		return quotes[0]
	}
	t.Run("§6 a quote has amounts, rate, fees, gateway and expiry", func(t *testing.T) {
		t.Parallel()
		q := one(t)
		same(t, q, obj{
			"gateway": "sandbox", "gatewayName": "Sandbox", "paymentMethod": "debit-credit-card", "fiatAmount": "100.00", "fiatCurrency": "USD",
			"cryptoAmount": "0.02475", "cryptoCurrency": "ETH", "network": "ethereum", "rate": "4000", "isBestRate": true,
			"fees": obj{"currency": "USD", "total": "1", "items": []obj{{"type": "gateway", "amount": "1"}}},
		})
		expires, err := time.Parse(time.RFC3339, text(q["expiresAt"]))
		if left := time.Until(expires); err != nil || left < 30*time.Second || left > 90*time.Second || !strings.HasSuffix(text(q["expiresAt"]), "Z") {
			t.Errorf("expiresAt %v", q["expiresAt"])
		}
	})
	for _, c := range []struct {
		name  string
		pairs []string
		want  obj
	}{
		{"letter case is folded", []string{"fiatCurrency", "usd", "cryptoCurrency", "eth", "network", "Ethereum"}, obj{"fiatCurrency": "USD", "cryptoCurrency": "ETH", "network": "ethereum"}},
		{"the network defaults to that of the asset", []string{"network", "", "cryptoCurrency", "BTC"}, obj{"network": "bitcoin", "cryptoAmount": "0.00099"}},
		{"a seller gives more crypto", []string{"orderType", "sell"}, obj{"cryptoAmount": "0.02525", "rate": "4000"}},
		{"another currency", []string{"fiatCurrency", "EUR", "fiatAmount", "100", "cryptoCurrency", "USDC"}, obj{"cryptoAmount": "118.8", "fiatAmount": "100", "rate": "0.833333333333"}},
		{"a payment method is held to", []string{"paymentMethod", "bank-transfer", "country", "de"}, obj{"paymentMethod": "bank-transfer"}},
	} {
		t.Run("§6 quotes: "+c.name, func(t *testing.T) {
			t.Parallel()
			same(t, one(t, c.pairs...), c.want)
		})
	}
	for _, c := range []struct {
		name, code string
		pairs      []string
	}{
		{"amount", "INVALID_AMOUNT", []string{"fiatAmount", "50000.01"}},
		{"crypto currency", "INVALID_CURRENCY", []string{"cryptoCurrency", "NOPE"}},
		{"network", "INVALID_NETWORK", []string{"network", "bitcoin"}},
		{"payment method", "VALIDATION_ERROR", []string{"paymentMethod", "cheque"}},
	} {
		t.Run("§6 a gateway that refuses is listed, not fatal: "+c.name, func(t *testing.T) {
			t.Parallel()
			data := dev.public(t, quotesRoute, c.pairs...).data(t)
			errs := rows(t, data, "errors")
			if len(rows(t, data, "quotes")) != 0 || len(errs) != 1 || text(errs[0]["message"]) == "" {
				t.Fatalf("%v", data)
			}
			same(t, errs[0], obj{"gateway": "sandbox", "code": c.code})
		})
	}
	t.Run("§6 no eligible gateway: no quotes and no errors", func(t *testing.T) {
		t.Parallel()
		data := live.public(t, quotesRoute).data(t)
		if len(rows(t, data, "quotes")) != 0 || len(rows(t, data, "errors")) != 0 {
			t.Errorf("%v", data)
		}
	})
	t.Run("§6 the order gets what was quoted", func(t *testing.T) {
		t.Parallel()
		_, order := dev.ordered(t, nil)
		same(t, dev.simulated(t, order, "completed"), obj{"cryptoAmount": one(t, "fiatAmount", "100")["cryptoAmount"]})
	})
}

// TestTransaction: §6 an order for polling.
func TestTransaction(t *testing.T) {
	t.Parallel()
	t.Run("§6 a transaction without personal data", func(t *testing.T) {
		t.Parallel()
		s := dev.session(t, obj{"metadata": obj{"cart": "secret-cart"}})
		order := text(s.order(t, obj{"email": "payer@example.com"}).ok(t, 201)["orderId"])
		a := dev.public(t, transactionRoute(order))
		data := a.data(t)
		same(t, data, obj{
			"orderId": order, "sessionId": s.id, "type": "buy", "status": "created", "gateway": "sandbox", "fiatAmount": "100", "fiatCurrency": "USD",
			"cryptoCurrency": "ETH", "cryptoAmount": nil, "network": "ethereum", "transactionHash": nil, "completedAt": nil,
		})
		if len(data) != 14 || text(data["createdAt"]) == "" || text(data["updatedAt"]) == "" {
			t.Errorf("members: %s", a.raw)
		}
		for _, private := range []string{"payer@example.com", wallet, "secret-cart", text(s.attrs["customerId"]), text(s.attrs["externalCustomerId"]), s.secret} {
			if strings.Contains(strings.ToLower(string(a.raw)), strings.ToLower(private)) {
				t.Errorf("it tells %.20s…: %s", private, a.raw)
			}
		}
	})
	t.Run("§6 a transaction follows its order", func(t *testing.T) {
		t.Parallel()
		_, order := dev.ordered(t, nil)
		dev.simulated(t, order, "processing")
		same(t, dev.public(t, transactionRoute(order)).data(t), obj{"status": "processing"})
		done := dev.simulated(t, order, "completed")
		same(t, dev.public(t, transactionRoute(order)).data(t), obj{
			"status": "completed", "cryptoAmount": "0.02475", "transactionHash": done["transactionHash"], "completedAt": done["completedAt"],
		})
	})
	t.Run("§6 another project's order is unknown", func(t *testing.T) {
		t.Parallel()
		_, order := dev.ordered(t, nil)
		other.public(t, transactionRoute(order)).bad(t, 404, "TRANSACTION_NOT_FOUND", "")
	})
}

// conditional asks with If-None-Match, past the harness, which knows no 304.
func (p project) conditional(t *testing.T, method, path, tag string) (status int, header http.Header, body string) {
	t.Helper()
	req, err := http.NewRequestWithContext(t.Context(), method, p.Base+path, nil)
	if err != nil {
		t.Fatal(err)
	}
	req.Header.Set("If-None-Match", tag)
	res, err := web.Do(req)
	if err != nil {
		t.Fatal(err)
	}
	defer func() { _ = res.Body.Close() }()
	raw, err := io.ReadAll(res.Body)
	if err != nil {
		t.Fatal(err)
	}
	return res.StatusCode, res.Header, string(raw)
}

// TestPublicCaching: §6 what may be kept, and for how long.
func TestPublicCaching(t *testing.T) {
	t.Parallel()
	_, order := dev.ordered(t, nil)
	transaction := transactionRoute(order) + "?projectId=" + dev.ID
	supported := supportedRoute + "?projectId=" + dev.ID
	for path, control := range map[string]string{supported: "public, max-age=300", transaction: "no-cache"} {
		t.Run("§6 ETag and 304: "+control, func(t *testing.T) {
			t.Parallel()
			a := dev.get(t, path, "")
			tag := a.header.Get("ETag")
			if len(tag) < 10 || tag[0] != '"' || a.header.Get("Cache-Control") != control {
				t.Fatalf("ETag %q, Cache-Control %q", tag, a.header.Get("Cache-Control"))
			}
			for _, sent := range []string{tag, "W/" + tag, `"other", ` + tag, "*"} {
				status, header, body := dev.conditional(t, "GET", path, sent)
				if status != 304 || body != "" || header.Get("ETag") != tag || header.Get("Cache-Control") != control ||
					header.Get("Content-Type") != "" || !requestID.MatchString(header.Get("X-Request-Id")) {
					t.Errorf("If-None-Match %s: %d, %q, %v", sent, status, body, header)
				}
			}
			if status, _, _ := dev.conditional(t, "HEAD", path, tag); status != 304 {
				t.Errorf("HEAD: %d", status)
			}
			if status, _, body := dev.conditional(t, "GET", path, `"other"`); status != 200 || body != string(a.raw) {
				t.Errorf("another tag: %d %s", status, body)
			}
		})
	}
	t.Run("§6 a tag changes with the answer", func(t *testing.T) {
		t.Parallel()
		_, order := dev.ordered(t, nil)
		before := dev.public(t, transactionRoute(order)).header.Get("ETag")
		dev.simulated(t, order, "processing")
		if after := dev.public(t, transactionRoute(order)).header.Get("ETag"); after == before {
			t.Errorf("still %s", after)
		}
		if sell := dev.public(t, supportedRoute, "orderType", "sell").header.Get("ETag"); sell == dev.get(t, supported, "").header.Get("ETag") {
			t.Error("buy and sell share a tag")
		}
	})
	t.Run("§6 quotes and failures are not kept", func(t *testing.T) {
		t.Parallel()
		for _, a := range []answer{
			dev.public(t, quotesRoute), dev.public(t, supportedRoute, "projectId", unknownUUID),
			dev.public(t, transactionRoute("ord_none")), dev.public(t, quotesRoute, "fiatAmount", ""),
		} {
			if got := a.header.Get("Cache-Control"); got != "no-store" || a.header.Get("ETag") != "" {
				t.Errorf("%s: Cache-Control %q, ETag %q", a.what, got, a.header.Get("ETag"))
			}
		}
	})
}

// TestPublicBrowsers: §6 pages of any origin call these routes, without a key.
func TestPublicBrowsers(t *testing.T) {
	t.Parallel()
	for _, route := range []string{supportedRoute, quotesRoute, transactionRoute("ord_none")} {
		t.Run("§6 CORS for any origin: "+route, func(t *testing.T) {
			t.Parallel()
			path := route + "?projectId=" + dev.ID
			for _, origin := range []string{"", "https://shop.example"} {
				a := dev.get(t, path, "", "Origin", origin)
				if got := a.header.Get("Access-Control-Allow-Origin"); got != "*" {
					t.Errorf("Origin %q: Access-Control-Allow-Origin %q", origin, got)
				}
			}
			a := dev.do(t, "OPTIONS", path, "", nil, "Origin", "https://shop.example", "Access-Control-Request-Method", "GET")
			if a.status != 204 || a.header.Get("Access-Control-Allow-Origin") != "*" || !strings.Contains(a.header.Get("Access-Control-Allow-Methods"), "GET") {
				t.Errorf("preflight: %d %v", a.status, a.header)
			}
		})
	}
	t.Run("§6 HEAD works like GET", func(t *testing.T) {
		t.Parallel()
		a := dev.do(t, "HEAD", supportedRoute+"?projectId="+dev.ID, "", nil)
		if a.ok(t, 200); len(a.raw) != 0 || a.header.Get("ETag") == "" {
			t.Errorf("HEAD: %d bytes, %v", len(a.raw), a.header)
		}
	})
	t.Run("§6 a key changes nothing, not even a wrong one", func(t *testing.T) {
		t.Parallel()
		dev.get(t, supportedRoute+"?projectId="+dev.ID, unknownKey).data(t)
		other.get(t, supportedRoute+"?projectId="+dev.ID, other.SK).data(t)
	})
}

// TestPublicRateLimit: §1 on keyless routes, per client address.
func TestPublicRateLimit(t *testing.T) {
	t.Parallel()
	srv := launch(t, "SLIPROAD_TRUSTED_PROXIES=127.0.0.0/8", "SLIPROAD_PUBLIC_RATE_LIMIT=1", "SLIPROAD_PUBLIC_RATE_BURST=3")
	for i, path := range []string{supportedRoute, quotesRoute, transactionRoute("ord_none")} {
		t.Run("§6 limited by address: "+path, func(t *testing.T) {
			t.Parallel()
			address := "203.0.113." + string(rune('1'+i))
			for range 30 {
				if a := srv.get(t, path+"?projectId="+srv.ID, "", "X-Forwarded-For", address); a.status == 429 {
					a.bad(t, 429, "RATE_LIMIT_EXCEEDED", "")
					if a.header.Get("Retry-After") == "" || a.header.Get("X-RateLimit-Limit") != "3" {
						t.Errorf("%v", a.header)
					}
					if a := srv.get(t, path+"?projectId="+srv.ID, "", "X-Forwarded-For", address+"7"); a.status == 429 {
						t.Error("another address is refused too")
					}
					return
				}
			}
			t.Error("never refused")
		})
	}
}
